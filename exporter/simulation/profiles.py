"""Machines to choose from by name: a kind of board, a driver, and how MIG divides its GPUs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from exporter.simulation import boards, drivers
from exporter.simulation.boards import Board
from exporter.simulation.drivers import Driver
from exporter.simulation.hardware import SimulatedGpus
from exporter.simulation.partition import MIXED, SEVEN_SMALL, Slots


class Profile(NamedTuple):
    """A machine; GPU by GPU `divided` says how MIG divides it, None (or no more) is not at all."""

    board: Board
    driver: Driver
    divided: tuple[Slots | None, ...] = ()


DEFAULT = "h100"

PROFILES: Mapping[str, Profile] = {
    "v100": Profile(boards.V100, drivers.R450),
    "t4": Profile(boards.T4, drivers.R595),
    "a100": Profile(boards.A100, drivers.R570),
    "a100-mig": Profile(boards.A100, drivers.R570, (MIXED,)),
    "l40s": Profile(boards.L40S, drivers.R595),
    "rtx4080": Profile(boards.RTX_4080, drivers.R580),
    "rtx4090": Profile(boards.RTX_4090, drivers.R575),
    "h100": Profile(boards.H100, drivers.R580),
    "h100-mig": Profile(boards.H100, drivers.R580, (SEVEN_SMALL,) * 64),
    "h200": Profile(boards.H200, drivers.R590),
    "b200": Profile(boards.B200, drivers.R580),
}
"""What `--nvml.simulate-profile` takes."""


def simulated_gpus(
    count: int, profile: str = DEFAULT, clock: Callable[[], float] = time.time
) -> SimulatedGpus:
    """Return so many GPUs of a machine; raises KeyError for a profile that there is not."""
    board, driver, divided = PROFILES[profile]
    gpus = SimulatedGpus(count, board, clock, driver)
    gpus.divided = {index: slots for index, slots in enumerate(divided) if slots is not None}
    return gpus
