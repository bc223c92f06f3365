"""Immutable readings of the outside world: data apart from health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from alerts.model import GpuObservation, Inventory, RunStatus, SourceObservation
from exporter.snapshot.gpus import (
    COMPUTE_MODES,
    RECOVERY_ACTIONS,
    Gpu,
    GpuProcess,
    Gpus,
    MigInstance,
    NvLink,
    PcieLink,
    RemappedRows,
    RetiredPages,
    Unanswered,
)
from exporter.snapshot.pods import Pods, PodShare, PodShares, PodUse

__all__ = [
    "COMPUTE_MODES",
    "RECOVERY_ACTIONS",
    "Gpu",
    "GpuProcess",
    "Gpus",
    "Health",
    "LatestMetric",
    "MigInstance",
    "NodeReport",
    "NodeState",
    "Nodes",
    "NvLink",
    "PcieLink",
    "PodShare",
    "PodShares",
    "PodUse",
    "Pods",
    "Reading",
    "RemappedRows",
    "RetiredPages",
    "Run",
    "Runs",
    "Unanswered",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Health:
    """How a source fares; times are Unix seconds, `duration` is seconds.

    `released` is one that a person had given back for a while, whose absence is no news.
    """

    up: bool
    attempted_at: float
    duration: float
    last_success_at: float | None = None
    failures: int = 0
    problem: str = ""
    expected: bool = False
    released: bool = False


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """One collection of one source: the data if it succeeded, and the health in any case.

    `valid_until` (Unix seconds) ends the data's life: past it only the health may be shown. None
    means that the data are facts which stay true while the source is down.
    """

    data: T | None
    health: Health
    valid_until: float | None = None


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
    url: str = ""
    """Where people see the run; empty where the tracking store has no pages."""


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs to show now, and how many active runs and metrics were left out by reason."""

    runs: tuple[Run, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)
    metrics_skipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What one node process observes now: data for the rules, which only the run role judges.

    `gpus` and `inventory` are None while the GPUs cannot be read; `node` is the name that the
    node's alerts carry; `uses` tells which pods hold its GPUs.
    """

    node: str
    sources: tuple[SourceObservation, ...] = ()
    gpus: tuple[GpuObservation, ...] | None = None
    uses: tuple[PodUse, ...] = ()
    inventory: Inventory | None = None


@dataclass(frozen=True, slots=True)
class NodeState:
    """One other node that has answered before: its report of now, or why there is none."""

    node: str
    address: str
    report: NodeReport | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Nodes:
    """The other nodes by name; `addresses` counts the processes that were asked."""

    nodes: tuple[NodeState, ...]
    addresses: int
