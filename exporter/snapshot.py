"""Immutable readings of the outside world: data apart from health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from alerts.model import RunStatus

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Health:
    """How a source fares; times are Unix seconds, `duration` is seconds."""

    up: bool
    attempted_at: float
    duration: float
    last_success_at: float | None = None
    failures: int = 0
    problem: str = ""
    expected: bool = False
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """One collection of one source: the data if it succeeded, and the health in any case.

    `valid_until` (Unix seconds) ends the data's life: past it only the health may be shown. None
    means that the data are facts which stay true while the source is down.
    """

    data: T | None
    health: Health
    valid_until: float | None = None


class PcieLink(NamedTuple):
    """Generation and width of the link now, and the most that this GPU and board can do."""

    generation: int | None
    width: int | None
    max_generation: int | None
    max_width: int | None


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as NVML saw it once; None is *not supported* or *not known*, never zero.

    Units: bytes, percent (0-100) for `utilization`, ratio (0-1) for `fan_ratio` and for
    `memory_utilization` (the time in which memory was busy), celsius, watts, joules, hertz.
    `throttle` maps each supported reason to whether it holds now; `ecc_errors` maps
    (kind, counter) such as ("uncorrected", "volatile") to a count.
    """

    index: int
    uuid: str
    name: str = ""
    serial: str | None = None
    vbios: str | None = None
    pci_bus_id: str | None = None
    compute_capability: str | None = None
    memory_total: int | None = None
    memory_used: int | None = None
    memory_free: int | None = None
    memory_reserved: int | None = None
    utilization: float | None = None
    memory_utilization: float | None = None
    temperature: float | None = None
    power: float | None = None
    power_limit: float | None = None
    energy: float | None = None
    sm_clock: float | None = None
    memory_clock: float | None = None
    fan_ratio: float | None = None
    performance_state: int | None = None
    pcie: PcieLink | None = None
    throttle: Mapping[str, bool] = field(default_factory=dict)
    ecc_errors: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gpus:
    """All GPUs of this node in one collection; `seen` counts handles, also of lost GPUs."""

    gpus: tuple[Gpu, ...]
    seen: int
    driver_version: str
    cuda_version: str
    nvml_version: str
    simulated: bool = False
    lost: tuple[str, ...] = ()


class LatestMetric(NamedTuple):
    """The latest value of one metric as the tracking server keeps it; `time` is Unix seconds."""

    key: str
    value: float
    step: int
    time: float


@dataclass(frozen=True, slots=True)
class Run:
    """One mirrored MLflow run; times are Unix seconds."""

    run_id: str
    name: str
    experiment: str
    experiment_id: str
    user: str
    status: RunStatus
    started_at: float
    ended_at: float | None
    latest: tuple[LatestMetric, ...]
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    parent_run_id: str = ""
    last_log_at: float | None = None
    """When any metric was logged last, also one that is not mirrored."""


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs to show now, and what was left out and why."""

    runs: tuple[Run, ...]
    stale: int = 0
    metrics_skipped: int = 0
