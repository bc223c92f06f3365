"""The nouns of alerting: subjects, points, observations, verdicts, transitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

RunStatus = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
PerplexityTask = Literal["lm", "domain", "task"]


class Severity(StrEnum):
    """How urgent an alert is; compare with `rank`, not with the text."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Order of urgency: 0 info, 1 warning, 2 critical."""
        return ("info", "warning", "critical").index(self.value)


class MetricPoint(NamedTuple):
    """One logged value of one metric of one run; `time` is Unix seconds."""

    metric: str
    step: int
    time: float
    value: float


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known of a run apart from its points; times are Unix seconds."""

    run_id: str
    name: str
    experiment: str
    status: RunStatus
    started_at: float
    ended_at: float | None = None
    experiment_id: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    """Those that rules and messages read; `has_params` tells whether there are any at all."""
    has_params: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    is_parent: bool = False
    url: str = ""

    @property
    def running(self) -> bool:
        """Whether the tracking server still says that the run is alive."""
        return self.status in ("RUNNING", "SCHEDULED")


@dataclass(frozen=True, slots=True)
class RunUpdate:
    """News of one run: its facts now, and the points that nobody has judged yet.

    Points may come in any order and may repeat earlier ones; an update holds all rule metrics of
    the run up to one instant of the tracking server, so that no record is half seen. The first one
    after a restart repeats what rules look back on, which is not stored. `moved` tells whether any
    metric of the run, judged by a rule or not, has something new.
    """

    facts: RunFacts
    points: tuple[MetricPoint, ...]
    seen_at: float
    moved: bool = True
    deleted: bool = False


class RowRemap(NamedTuple):
    """Whether a GPU waits for a reset to replace bad memory rows, and whether it failed to."""

    pending: bool
    failure: bool


class PodName(NamedTuple):
    """What a pod of a cluster is called."""

    namespace: str
    pod: str


@dataclass(frozen=True, slots=True)
class GpuObservation:
    """What the GPU rules look at; None (or a missing key) is not known.

    `observed_at` is when the GPU was read, `xid_at` when each Xid code came last, both Unix seconds
    of the machine that has the GPU. `xids` counts by code since the process that reads began;
    `ecc_uncorrected` is the driver's volatile counter, which a reset clears. `throttle` maps each
    reason that the GPU can tell to whether it holds. `busy_seconds` is cumulative, without the
    `busy_gap_seconds` of which nothing is known; `utilization` is percent of the driver's last
    sample period. `runs` are the ids of the live runs that train on
    this GPU, None where nobody knows which do; `pods` are those that hold it. A MIG instance has
    the index of the GPU that it is part of, whose uuid is `parent`.
    """

    uuid: str
    index: int
    node: str
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    observed_at: float
    xids: Mapping[int, int] = field(default_factory=dict)
    xid_at: Mapping[int, float] = field(default_factory=dict)
    ecc_uncorrected: int | None = None
    remap: RowRemap | None = None
    throttle: Mapping[str, bool] = field(default_factory=dict)
    busy_seconds: float | None = None
    busy_gap_seconds: float = 0.0
    utilization: float | None = None
    runs: tuple[str, ...] | None = None
    pods: tuple[PodName, ...] = ()
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """How many GPUs of a node the driver lists, and by uuid those of them that do not answer.

    `expected` is how many the machine has, None where that is not known. `observed_at` is as in
    `GpuObservation`.
    """

    node: str
    expected: int | None
    seen: int
    lost: tuple[str, ...]
    observed_at: float

    @property
    def missing(self) -> int:
        """How many GPUs should answer and do not."""
        return len(self.lost) + max(0, (self.expected or 0) - self.seen)


@dataclass(frozen=True, slots=True)
class SourceObservation:
    """Whether a source answers; `expected` once it was configured or has been up.

    `released` is one that a person had given back on purpose.
    """

    source: str
    node: str
    up: bool
    expected: bool
    reason: str = ""
    released: bool = False


@dataclass(frozen=True, slots=True)
class NodeObservation:
    """Whether the process of another node, which has answered before, answers now; else why not."""

    node: str
    address: str
    answering: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything the engine is told in one tick.

    `gpus` are of all nodes, None when no GPUs could be read; a node without an inventory here was
    not read. `nodes` are those that should answer, so one that is not among them has left on
    purpose; None when nobody was asked.
    """

    runs: tuple[RunUpdate, ...] = ()
    gpus: tuple[GpuObservation, ...] | None = None
    sources: tuple[SourceObservation, ...] = ()
    inventories: tuple[Inventory, ...] = ()
    nodes: tuple[NodeObservation, ...] | None = None


class Subject(NamedTuple):
    """Whom an alert is about: a run id, a GPU uuid, a source or a node; but runs have a node."""

    kind: Literal["run", "gpu", "source", "node"]
    id: str
    node: str = ""

    @classmethod
    def of_node(cls, name: str) -> Subject:
        """Return a node as a subject."""
        return cls("node", name, name)


class AlertKey(NamedTuple):
    """The identity of an alert: never a value, a step, a pod or a name."""

    rule: str
    subject: Subject
    eval_set: str = ""


class Outcome(StrEnum):
    """What a rule answers; *unknown* neither fires nor resolves."""

    BREACH = "breach"
    CLEAR = "clear"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


Evidence = Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule's answer for one history: the number it compared, the limit, and why."""

    rule: str
    outcome: Outcome
    severity: Severity = Severity.WARNING
    value: float | None = None
    threshold: float | None = None
    summary: str = ""
    action: str = ""
    evidence: Evidence = field(default_factory=dict)
    eval_set: str = ""
    step: int | None = None
    epoch: float | None = None
    at: float | None = None
    """When it happened (Unix seconds), for what is known to the second and read later."""


ResolveReason = Literal["recovered", "run_ended", "deleted", "rule_removed", "given_up", "gone"]
"""`gone` is what no longer exists: a GPU taken out, a node that left."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A change people may be told of; `at` is the time of the deciding point or of the clock."""

    key: AlertKey
    state: Literal["firing", "resolved"]
    severity: Severity
    episode: int
    at: float
    value: float | None
    threshold: float | None
    summary: str
    action: str
    step: int | None = None
    epoch: float | None = None
    evidence: Evidence = field(default_factory=dict)
    reason: ResolveReason | None = None
    inhibited_by: str | None = None
    already_so: bool = False
    event: bool = False
    current: float | None = None
    """The newest number; for a firing, `value` is the newest that breached."""
    seen_at: float | None = None
    """When the daemon read of the breach; long after `at` where the point came late."""


class Extremum(NamedTuple):
    """The best evaluation of a run: where and how good."""

    step: int
    value: float


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a message says about a run beside the alert itself, as of sending."""

    facts: RunFacts
    step: int | None = None
    epoch: float | None = None
    train_tail: tuple[float, ...] = ()
    eval_tail: tuple[float, ...] = ()
    loss: float | None = None
    eval_loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    best_eval: Extremum | None = None
    checkpoint: str = ""
    resumed_at: int | None = None
    perplexity_task: PerplexityTask | None = None
    gpus: tuple[GpuObservation, ...] = ()
    """Those that the run trains on; empty where nobody knows."""
