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
    the run up to one instant of the tracking server, so that no record is half seen. `moved` tells
    whether any metric of the run, judged by a rule or not, has something new.
    """

    facts: RunFacts
    points: tuple[MetricPoint, ...]
    seen_at: float
    moved: bool = True
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class GpuObservation:
    """What the GPU rules look at; `observed_at` is the daemon's clock in Unix seconds."""

    uuid: str
    index: int
    node: str
    memory_used_bytes: int
    memory_total_bytes: int
    observed_at: float


@dataclass(frozen=True, slots=True)
class SourceObservation:
    """Whether a source answers; `expected` once it was configured or has been up."""

    source: str
    node: str
    up: bool
    expected: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything the engine is told in one tick; `gpus` is None when GPUs could not be read."""

    runs: tuple[RunUpdate, ...] = ()
    gpus: tuple[GpuObservation, ...] | None = None
    sources: tuple[SourceObservation, ...] = ()


class Subject(NamedTuple):
    """Whom an alert is about: a run id, a GPU uuid with its node, or a source with its node."""

    kind: Literal["run", "gpu", "source"]
    id: str
    node: str = ""


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


ResolveReason = Literal["recovered", "run_ended", "deleted", "rule_removed", "given_up"]


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
