"""Simulated GPUs: boards with plausible facts, and a training load that moves with the clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

MIB = 1024 * 1024
GPU_NAMESPACE = 0x5EED
EVERY_ECC_COUNTER = ((0, 0), (0, 1), (1, 0), (1, 1))
SECONDS_PER_STEP_WAVE = 47.0
SECONDS_PER_EPOCH_WAVE = 311.0


@dataclass(frozen=True, slots=True)
class Board:
    """What never changes on a kind of board; None is a thing that the board lacks.

    Units: bytes, watts, MHz (as NVML counts clocks), percent for the fan. An ECC counter is a pair
    of NVML's numbers: 0 corrected or 1 uncorrected, 0 since the driver's start or 1 ever.
    """

    name: str
    compute_capability: tuple[int, int]
    vbios: str
    memory_total: int
    memory_reserved: int
    power_idle: float
    power_limit: float
    sm_clock_max: int
    memory_clock: int
    pcie_generation: int
    pcie_width: int
    fan_percent: int | None
    performance_state: int
    ecc_counters: tuple[tuple[int, int], ...]
    has_serial: bool
    supported_throttle_reasons: int


H100 = Board(
    name="NVIDIA H100 80GB HBM3",
    compute_capability=(9, 0),
    vbios="96.00.89.00.01",
    memory_total=81559 * MIB,
    memory_reserved=480 * MIB,
    power_idle=70.0,
    power_limit=700.0,
    sm_clock_max=1980,
    memory_clock=2619,
    pcie_generation=5,
    pcie_width=16,
    fan_percent=None,
    performance_state=0,
    ecc_counters=EVERY_ECC_COUNTER,
    has_serial=True,
    supported_throttle_reasons=0xFF,
)

RTX_4080 = Board(
    name="NVIDIA GeForce RTX 4080",
    compute_capability=(8, 9),
    vbios="95.03.0E.00.A8",
    memory_total=16376 * MIB,
    memory_reserved=321 * MIB,
    power_idle=15.0,
    power_limit=320.0,
    sm_clock_max=3105,
    memory_clock=11201,
    pcie_generation=4,
    pcie_width=16,
    fan_percent=45,
    performance_state=2,
    ecc_counters=(),
    has_serial=False,
    supported_throttle_reasons=0x1FF,
)


@dataclass(frozen=True, slots=True)
class SimulatedGpu:
    """One GPU in the middle of a fine-tuning run, seen at `now`; `since` is the driver's start.

    Both are seconds of one clock. What is None is not supported by the board.
    """

    index: int
    board: Board
    now: float
    since: float

    @property
    def uuid(self) -> str:
        """An id as long as a real one, the same for an index on every host, marked SIM."""
        digits = f"{(GPU_NAMESPACE << 80) + self.index:028x}"
        return f"GPU-SIM-{digits[:4]}-{digits[4:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:]}"

    @property
    def serial(self) -> str | None:
        """The board's serial number; workstation cards have none."""
        return f"165002300{self.index:04d}" if self.board.has_serial else None

    @property
    def pci_bus_id(self) -> str:
        """Where the board sits, as domain:bus:device.function: fourteen buses in a domain."""
        return f"{self.index // 14:08X}:{0x1B + 0x10 * (self.index % 14):02X}:00.0"

    @property
    def load(self) -> float:
        """How busy the GPU is, from 0 to 1: optimizer steps, and slower waves of an epoch."""
        fast, slow = self._phase(SECONDS_PER_STEP_WAVE), self._phase(SECONDS_PER_EPOCH_WAVE)
        return 0.88 + 0.07 * math.sin(fast) + 0.04 * math.sin(slow)

    @property
    def memory_used(self) -> int:
        """Bytes held by processes: 70 to 90 % of the board's memory."""
        ratio = 0.80 + 0.09 * math.sin(self._phase(SECONDS_PER_EPOCH_WAVE))
        return int(ratio * self.board.memory_total) // MIB * MIB

    @property
    def temperature(self) -> int:
        """Degrees celsius of the core, warmer under load."""
        return round(32 + 38 * self.load + self.index % 3)

    @property
    def power(self) -> float:
        """Watts drawn now; `energy` is its exact integral."""
        return self.board.power_idle + self._power_span * self.load

    @property
    def energy(self) -> float:
        """Joules drawn since the driver was loaded; never falls."""
        seconds = self.now - self.since
        busy_seconds = (
            0.88 * seconds
            + 0.07 * self._integral_of_sine(SECONDS_PER_STEP_WAVE)
            + 0.04 * self._integral_of_sine(SECONDS_PER_EPOCH_WAVE)
        )
        return self.board.power_idle * seconds + self._power_span * busy_seconds

    @property
    def sm_clock(self) -> int:
        """MHz; falls a little when the power limit holds the GPU back."""
        return round(self.board.sm_clock_max * (0.90 if self.throttle_reasons else 1.0))

    @property
    def throttle_reasons(self) -> int:
        """The bits of `nvmlClocksEventReasons` that hold now: software power cap, or none."""
        return 0x4 if self.load > 0.95 else 0

    def ecc_errors(self, kind: int, counter: int) -> int | None:
        """Count ECC errors: some boards had corrected ones in their life, none have any now."""
        if (kind, counter) not in self.board.ecc_counters:
            return None
        return self.index if (kind, counter) == (0, 1) else 0

    @property
    def _power_span(self) -> float:
        return 0.97 * self.board.power_limit - self.board.power_idle

    def _phase(self, period: float, at: float | None = None) -> float:
        moment = self.now if at is None else at
        return 2 * math.pi * moment / period + self.index

    def _integral_of_sine(self, period: float) -> float:
        begin, end = self._phase(period, self.since), self._phase(period)
        return (math.cos(begin) - math.cos(end)) * period / (2 * math.pi)


class SimulatedGpus:
    """The GPUs of one simulated machine; `count` and `board` may be changed at run time."""

    def __init__(
        self, count: int, board: Board = H100, clock: Callable[[], float] = time.time
    ) -> None:
        self.count = count
        self.board = board
        self._clock = clock
        self._since = clock()

    def gpu(self, index: int) -> SimulatedGpu:
        """Return the GPU `index` as it is now."""
        return SimulatedGpu(index, self.board, self._clock(), self._since)
