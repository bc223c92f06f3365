"""The GPUs that the machine has on its PCI bus, whatever the driver says of them."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

PCI_DEVICES = Path("/sys/bus/pci/devices")
NVIDIA = "0x10de"
DISPLAY_CONTROLLER = "0x03"
DRIVER = "nvidia"
VISIBLE = "NVIDIA_VISIBLE_DEVICES"
SECONDS_BETWEEN_LOOKS = 60.0


class _Card(NamedTuple):
    """A GPU on the bus: its PCI device id, and the driver that holds it, empty for none."""

    model: str
    driver: str


def gpus_on_the_bus(devices: Path = PCI_DEVICES) -> int | None:
    """Count the GPUs of this machine that are the NVIDIA driver's to serve.

    Left out are virtual functions (which belong to guests) and GPUs that another driver holds, such
    as vfio-pci for a virtual machine. One that no driver holds has failed as the driver began,
    where that serves another of its model; else it is too old or too new for this driver. None
    where the kernel shows no PCI bus.
    """
    try:
        cards = tuple(filter(None, map(_card, devices.iterdir())))
    except OSError:
        return None
    served = {card.model for card in cards if card.driver == DRIVER}
    return sum(card.driver in (DRIVER, "") and card.model in served for card in cards)


class Bus:
    """Counts now and then; `environ` tells which GPUs the container runtime lets us see."""

    def __init__(
        self, devices: Path = PCI_DEVICES, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._devices = devices
        # A container that was given some of the GPUs sees the bus of the whole machine.
        self._sees_all = environ.get(VISIBLE, "all") == "all"
        self._count: int | None = None
        self._look_at = -math.inf

    def count(self, now: float) -> int | None:
        """Return how many GPUs the driver should show us; None where that is not known."""
        if self._sees_all and now >= self._look_at:
            self._count = gpus_on_the_bus(self._devices)
            self._look_at = now + SECONDS_BETWEEN_LOOKS
        return self._count


def _card(device: Path) -> _Card | None:
    is_nvidia = _text(device / "vendor") == NVIDIA
    is_gpu = is_nvidia and _text(device / "class").startswith(DISPLAY_CONTROLLER)
    if not is_gpu or (device / "physfn").is_symlink():
        return None
    driver = device / "driver"
    holder = driver.readlink().name if driver.is_symlink() else ""
    return _Card(_text(device / "device"), holder)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
