"""The GPUs that the machine has on its PCI bus, whatever the driver says of them."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

PCI_DEVICES = Path("/sys/bus/pci/devices")
NVIDIA = "0x10de"
DISPLAY_CONTROLLER = "0x03"
DRIVER = "nvidia"
VISIBLE = "NVIDIA_VISIBLE_DEVICES"
SECONDS_BETWEEN_LOOKS = 60.0


def gpus_on_the_bus(devices: Path = PCI_DEVICES) -> int | None:
    """Count the GPUs of this machine that are the NVIDIA driver's to serve.

    Left out are virtual functions (which belong to guests) and GPUs that another driver holds, such
    as vfio-pci for a virtual machine. None where the kernel shows no PCI bus.
    """
    try:
        return sum(_is_ours(device) for device in devices.iterdir())
    except OSError:
        return None


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


def _is_ours(device: Path) -> bool:
    if _text(device / "vendor") != NVIDIA or not _text(device / "class").startswith(
        DISPLAY_CONTROLLER
    ):
        return False
    driver = device / "driver"
    held_by_another = driver.is_symlink() and driver.readlink().name != DRIVER
    return not held_by_another and not (device / "physfn").is_symlink()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
