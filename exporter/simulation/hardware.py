"""Simulated GPUs: boards under a training load that moves with the clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from exporter.simulation.boards import H100, MIB, Board
from exporter.simulation.codes import Return
from exporter.simulation.drivers import R580, Driver
from exporter.simulation.partition import Slots

GPU_NAMESPACE = 0x5EED
SECONDS_PER_STEP_WAVE = 47.0
SECONDS_PER_EPOCH_WAVE = 311.0
UNCORRECTED = AGGREGATE = 1
MEAN_LOAD, STEP_SWING, EPOCH_SWING = 0.88, 0.07, 0.04


@dataclass(frozen=True, slots=True)
class Condition:
    """What a test or a demonstration makes wrong with one GPU.

    `throttle_reasons` are bits; `refused_fields` are return codes by the id of a field value.
    An `idle` GPU is one that nobody uses.
    """

    links_down: frozenset[int] = frozenset()
    recovery_action: int = 0
    remap_pending: bool = False
    remap_failed: bool = False
    uncorrected_errors: int = 0
    throttle_reasons: int = 0
    refused_fields: Mapping[int, Return] = field(default_factory=dict)
    idle: bool = False


HEALTHY = Condition()


@dataclass(frozen=True, slots=True)
class SimulatedGpu:
    """One GPU in the middle of a fine-tuning run, seen at `now`; `since` is the driver's start.

    Both are seconds of one clock. What is None is not supported by the board. `slots` are the MIG
    devices of a GPU that is divided, None of one that is not. `machine` tells hosts apart.
    """

    index: int
    board: Board
    now: float
    since: float
    driver: Driver = R580
    slots: Slots | None = None
    condition: Condition = HEALTHY
    machine: int = 0

    @property
    def uuid(self) -> str:
        """An id as long as a real one, the same for an index on every such machine, marked SIM."""
        digits = f"{(GPU_NAMESPACE << 80) + (self.machine << 32) + self.index:028x}"
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
        if self.condition.idle:
            return 0.0
        fast, slow = self._phase(SECONDS_PER_STEP_WAVE), self._phase(SECONDS_PER_EPOCH_WAVE)
        return MEAN_LOAD + STEP_SWING * math.sin(fast) + EPOCH_SWING * math.sin(slow)

    @property
    def busy_seconds(self) -> float:
        """The exact integral of `load` since the driver was loaded."""
        if self.condition.idle:
            return 0.0
        return (
            MEAN_LOAD * (self.now - self.since)
            + STEP_SWING * self._integral_of_sine(SECONDS_PER_STEP_WAVE)
            + EPOCH_SWING * self._integral_of_sine(SECONDS_PER_EPOCH_WAVE)
        )

    @property
    def memory_used(self) -> int:
        """Bytes held by processes: 70 to 90 % of the board's memory."""
        if self.condition.idle:
            return 0
        ratio = 0.80 + 0.09 * math.sin(self._phase(SECONDS_PER_EPOCH_WAVE))
        return int(ratio * self.board.memory_total) // MIB * MIB

    @property
    def temperature(self) -> int:
        """Degrees celsius of the core, warmer under load."""
        return round(32 + 38 * self.load + self.index % 3)

    @property
    def memory_temperature(self) -> int | None:
        """Degrees celsius of the memory."""
        return self.temperature + 11 if self.board.has_memory_temperature else None

    @property
    def temperature_margin(self) -> int | None:
        """Degrees celsius up to where the GPU slows down."""
        return 87 - self.temperature if self.board.margins else None

    @property
    def power(self) -> float:
        """Watts drawn now; `energy` is its exact integral."""
        return self.board.power_idle + self._power_span * self.load

    @property
    def energy(self) -> float:
        """Joules drawn since the driver was loaded; never falls."""
        seconds = self.now - self.since
        return self.board.power_idle * seconds + self._power_span * self.busy_seconds

    @property
    def sm_clock(self) -> int:
        """MHz; falls a little when the power limit holds the GPU back."""
        return round(self.board.sm_clock_max * (0.90 if self.throttle_reasons else 1.0))

    @property
    def throttle_reasons(self) -> int:
        """The bits of `nvmlClocksEventReasons` that hold now: often none, or software power cap."""
        return (0x4 if self.load > 0.95 else 0) | self.condition.throttle_reasons

    @property
    def capped_seconds(self) -> float:
        """How long the power limit has held the GPU back: a tenth of its busy time."""
        return self.busy_seconds / 10

    @property
    def warm_seconds(self) -> float:
        """How long the driver has slowed the GPU for its temperature."""
        return self.busy_seconds / 100

    @property
    def hot_seconds(self) -> float:
        """How long the hardware has done so."""
        return self.busy_seconds / 1000

    def ecc_errors(self, kind: int, counter: int) -> int | None:
        """Count ECC errors: some boards had corrected ones in their life, none have any now."""
        if (kind, counter) not in self.board.ecc_counters:
            return None
        if kind == UNCORRECTED:
            return self.condition.uncorrected_errors
        return self.index if counter == AGGREGATE else 0

    @property
    def mig_mode(self) -> int | None:
        """1 for a GPU that may be divided into instances, 0 for one that could be."""
        return int(self.slots is not None) if self.board.mig_slices else None

    @property
    def remaps_rows(self) -> bool:
        """Whether it tells of remapped rows: a divided GPU does not."""
        return self.board.has_remapped_rows and self.slots is None

    @property
    def links_up(self) -> frozenset[int]:
        """The NVLinks in use."""
        return frozenset(range(self.board.nvlinks)) - self.condition.links_down

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
    """The GPUs of one simulated machine; all that is public may be changed at run time.

    `divided` maps the index of a GPU whose MIG mode is on to its MIG devices by slot, `conditions`
    the index of a GPU to what is wrong with it. GPUs of two machines with one number have the
    same ids.
    """

    def __init__(
        self,
        count: int,
        board: Board = H100,
        clock: Callable[[], float] = time.time,
        driver: Driver = R580,
    ) -> None:
        self.count = count
        self.board = board
        self.driver = driver
        self.divided: dict[int, Slots] = {}
        self.conditions: dict[int, Condition] = {}
        self.machine = 0
        self._clock = clock
        self._since = clock()

    def gpu(self, index: int) -> SimulatedGpu:
        """Return the GPU `index` as it is now."""
        return SimulatedGpu(
            index,
            self.board,
            self._clock(),
            self._since,
            self.driver,
            self.divided.get(index),
            self.conditions.get(index, HEALTHY),
            self.machine,
        )
