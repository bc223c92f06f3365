"""The schema of the alerting half of the configuration: thresholds, rule tuning, channels."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from alerts.documents import Section
from alerts.model import PerplexityTask, RunFacts, Severity
from alerts.values import (
    Codes,
    Names,
    NotNegative,
    Number,
    Positive,
    Seconds,
    SeverityName,
    as_tuple,
    dashboard_template,
)

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Thresholds(Section):
    """The six numbers of the user; absent or null turns a rule off, 0 is a value.

    Rises are counted over the last 512 evaluations, hence the bound.
    """

    max_loss_increase_pct: NotNegative | None = None
    min_loss_decrease_per_epoch: Number | None = None
    max_val_loss_diff: Number | None = None
    max_val_loss_increase: Annotated[int, Field(ge=1, le=500)] | None = None
    max_gpu_memory_pct: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    max_training_time_hours: Positive | None = None


USER_THRESHOLDS = Thresholds(
    max_loss_increase_pct=20,
    min_loss_decrease_per_epoch=5,
    max_val_loss_diff=0.1,
    max_val_loss_increase=3,
    max_gpu_memory_pct=95,
    max_training_time_hours=24,
)
"""The thresholds of the design, used where no configuration file is given."""


class RuleTuning(Section):
    """What every rule lets its owner change; None keeps the rule's own default."""

    enabled: bool = True
    severity: SeverityName | None = None
    hold_for: Seconds | None = Field(default=None, alias="for")
    keep_firing_for: Seconds | None = None


class LossIncreaseTuning(RuleTuning):
    """`baseline: previous` compares with the previous point instead of the best level."""

    baseline: Literal["best", "previous"] = "best"
    min_delta: NotNegative = 0.01


class StallTuning(RuleTuning):
    """How long a run may be silent before it counts as stalled."""

    min_silence: Seconds = 600.0
    early_silence: Seconds = 3600.0


class GpuTuning(RuleTuning):
    """`ignore`: globs of the nodes and the GPU uuids for which the rule is off."""

    ignore: Names = ()


class XidTuning(GpuTuning):
    """Which Xid codes are told, how gravely, and for how long after the last of them."""

    critical: Codes = (48, 62, 64, 74, 79, 95, 119, 120)
    warning: Codes = (94,)
    quiet: Annotated[Seconds, Field(gt=0, le=86_400)] = 3600.0


class IdleTuning(GpuTuning):
    """Below which share of the window (percent of its seconds) a GPU counts as idle."""

    busy_pct: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 10.0
    window: Annotated[Seconds, Field(ge=60, le=86_400)] = 900.0


class MetricNames(Section):
    """Which logged metrics are the training and the validation loss; the first present wins."""

    loss: Names = ("loss", "train/loss", "train_loss_step", "training_loss")
    eval_loss: Names = ("eval_loss", "val_loss", "eval/loss", "validation_loss")
    grad_norm: Names = ("grad_norm", "train/grad_norm", "gradient_norm")
    learning_rate: Names = ("learning_rate", "train/learning_rate", "lr")
    epoch: Names = ("epoch", "train/epoch")


class Perplexity(Section):
    """Which band of perplexity is good: `lm` < 20, `domain` < 10, `task` < 5; null names none."""

    task: PerplexityTask | None = None


class Rules(Section):
    """Tuning by rule, and what all rules share."""

    steps_per_epoch: Annotated[int, Field(ge=1)] | None = None
    metrics: MetricNames = MetricNames()
    perplexity: Perplexity = Perplexity()
    loss_increase: LossIncreaseTuning = LossIncreaseTuning()
    epoch_loss_stall: RuleTuning = RuleTuning()
    eval_loss_gap: RuleTuning = RuleTuning()
    eval_loss_rising: RuleTuning = RuleTuning()
    gpu_memory_high: GpuTuning = GpuTuning()
    training_time_exceeded: RuleTuning = RuleTuning()
    nonfinite: RuleTuning = RuleTuning()
    overfitting: RuleTuning = RuleTuning()
    overfit_onset: RuleTuning = RuleTuning()
    unstable: RuleTuning = RuleTuning()
    gradient_exploding: RuleTuning = RuleTuning()
    underfit: RuleTuning = RuleTuning()
    plateau: RuleTuning = RuleTuning()
    fast_fall_plateau: RuleTuning = RuleTuning()
    early_stop: RuleTuning = RuleTuning()
    loss_spike: RuleTuning = RuleTuning()
    run_stalled: StallTuning = StallTuning()
    run_failed: RuleTuning = RuleTuning()
    run_incomplete: RuleTuning = RuleTuning()
    gpu_xid: XidTuning = XidTuning()
    gpu_ecc_uncorrectable: GpuTuning = GpuTuning()
    gpu_row_remap: GpuTuning = GpuTuning()
    gpu_lost: GpuTuning = GpuTuning()
    gpu_slowdown: GpuTuning = GpuTuning()
    gpu_idle_while_training: IdleTuning = IdleTuning()
    source_down: RuleTuning = RuleTuning()
    node_silent: GpuTuning = GpuTuning()

    def tuning(self, rule: str) -> RuleTuning:
        """Return the tuning of one rule by its name."""
        found = getattr(self, rule)
        if not isinstance(found, RuleTuning):
            raise TypeError(f"{rule} is not a rule")
        return found


class MatchEntry(Section):
    """Which alerts a channel wants: globs, of which one of each kind must fit."""

    experiments: Names = ("*",)
    rules: Names = ("*",)


class Repeats(Section):
    """After how long people are told again of what fires on, first; 0 is never."""

    warning: Seconds = 12 * 3600.0
    critical: Seconds = 4 * 3600.0


class ChannelEntry(Section):
    """One destination: an Apprise URL kept in an environment variable or a file, never here."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    url_env: str | None = None
    url_file: str | None = None
    min_severity: SeverityName = Severity.INFO
    match: MatchEntry = MatchEntry()

    @model_validator(mode="after")
    def _one_place(self) -> ChannelEntry:
        if (self.url_env is None) == (self.url_file is None):
            raise ValueError(
                "give exactly one of url_env (an environment variable) or url_file (a file) "
                "that holds the Apprise URL; secrets do not belong in this file"
            )
        _refuse_address("url", "the Apprise URL", self.url_env, self.url_file)
        return self


def _refuse_address(key: str, what: str, env: str | None, file: str | None) -> None:
    """Raise ValueError where a secret stands instead of the name of its place.

    Said of the section as a whole, because a message about a value would repeat it.
    """
    if env is not None and not _VARIABLE.fullmatch(env):
        raise ValueError(
            f"{key}_env is the name of an environment variable that holds {what}, "
            "not the URL itself"
        )
    if file is not None and "://" in file:
        raise ValueError(f"{key}_file is a file that holds {what}, not the URL itself")


class Notify(Section):
    """Whom to tell; without any channel the console is told.

    With `via: prometheus` nothing is sent: the generated rules and Alertmanager do that. The
    heartbeat's URL is called each minute while all is well, so that a silence is noticed elsewhere.
    """

    via: Literal["apprise", "prometheus"] = "apprise"
    channels: Annotated[tuple[ChannelEntry, ...], BeforeValidator(as_tuple)] = ()
    console: bool | None = None
    dashboard_url: Annotated[str, AfterValidator(dashboard_template)] | None = None
    heartbeat_url_env: str | None = None
    heartbeat_url_file: str | None = None
    repeat: Repeats = Repeats()

    @model_validator(mode="after")
    def _one_heartbeat(self) -> Notify:
        env, file = self.heartbeat_url_env, self.heartbeat_url_file
        if env is not None and file is not None:
            raise ValueError("give heartbeat_url_env or heartbeat_url_file, not both")
        _refuse_address("heartbeat_url", "the heartbeat's URL", env, file)
        return self

    @model_validator(mode="after")
    def _distinct_names(self) -> Notify:
        names = [channel.name for channel in self.channels]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"channel names must differ: {', '.join(twice)} is used twice")
        return self


class AlertSettings(Section):
    """Everything about judging and telling; the exporter adds its own sections."""

    thresholds: Thresholds = Thresholds()
    rules: Rules = Rules()
    notify: Notify = Notify()


class Limits:
    """The limits that hold for one run; rules read them here and nowhere else."""

    def __init__(self, thresholds: Thresholds, rules: Rules) -> None:
        self.thresholds = thresholds
        self.rules = rules


class LimitBook:
    """From a run to its limits; today every run has the same, later experiments may differ."""

    def __init__(self, settings: AlertSettings) -> None:
        self._limits = Limits(settings.thresholds, settings.rules)

    def of_run(self, facts: RunFacts) -> Limits:  # noqa: ARG002 - the seam for limits by experiment
        """Return the limits of this run."""
        return self._limits

    def of_fleet(self) -> Limits:
        """Return the limits of what is no run: GPUs and sources."""
        return self._limits
