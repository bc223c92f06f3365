"""What the engine shows of itself: alerts, signals and verdicts, immutable."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from alerts.history.evaluations import Evaluations
from alerts.judge import Watch
from alerts.model import (
    AlertKey,
    Extremum,
    GpuObservation,
    Outcome,
    RunContext,
    RunFacts,
    Severity,
    Subject,
)
from alerts.notify.checkpoints import checkpoint_hint
from alerts.notify.mute import is_muted
from alerts.rules import is_on
from alerts.rules.life import silent_seconds, training_seconds
from alerts.rules.moment import Moment
from alerts.state import Alert

TAIL = 64
"""Points of each curve that a message draws."""


class RuleVerdict(NamedTuple):
    """The answer of one rule for one validation set as it is shown (see `alerts.shown`).

    A breach has its severity; `excused` is a number beyond its limit that is no breach.
    """

    rule: str
    eval_set: str
    outcome: Outcome
    value: float | None
    severity: Severity | None = None
    excused: bool = False


class EvalView(NamedTuple):
    """One validation set of a run: its newest loss, and its best."""

    eval_set: str
    loss: float | None
    best: Extremum | None


@dataclass(frozen=True, slots=True)
class RunView:
    """One run under watch; `silent_seconds` counts while the tracking server answers."""

    facts: RunFacts
    verdicts: tuple[RuleVerdict, ...]
    loss: float | None
    evals: tuple[EvalView, ...]
    training_seconds: float
    silent_seconds: float
    diagnosis: str = ""
    """One word for how the run does, see `alerts.rules.overall`; empty once it has ended."""


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert that is pending or firing, with the run it is about where it is about one."""

    alert: Alert
    run: RunFacts | None = None

    @property
    def muted(self) -> bool:
        """Whether the run's owner wants nobody to be told."""
        return is_muted(self.alert.key.rule, self.run)


@dataclass(frozen=True, slots=True)
class AlertsView:
    """Everything at one instant.

    `deliveries` counts by (channel, outcome), `heartbeats` by outcome. `training_busy` is how busy
    (percent) each GPU is that a run trains on, as the rule about idle GPUs judges it; `devices`
    has the uuids of the GPUs by run id.
    """

    alerts: tuple[AlertView, ...] = ()
    runs: tuple[RunView, ...] = ()
    training_busy: Mapping[Subject, float] = field(default_factory=dict)
    devices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    deliveries: Mapping[tuple[str, str], int] = field(default_factory=dict)
    undelivered: Mapping[str, int] = field(default_factory=dict)
    state_bytes: int = 0
    heartbeats: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)
    """Those that judging survived, by what each cost: a rule's answer, a run's or the fleet's news.
    """


def run_view(watch: Watch, moment: Moment, heard: Moment | None = None) -> RunView:
    """Show one run as it stands.

    What grows with the clock is that of `heard`, the last moment at which the server answered.
    """
    history = watch.history
    heard = heard or moment
    last = history.loss.last
    return RunView(
        facts=history.facts,
        verdicts=tuple(_verdicts(watch, moment.now)),
        loss=last.value if last else None,
        evals=tuple(_eval_view(name, evals) for name, evals in history.evals.items()),
        training_seconds=training_seconds(history, watch.limits, heard),
        silent_seconds=silent_seconds(history, heard),
        diagnosis=watch.diagnosis,
    )


def ended_view(watch: Watch, moment: Moment) -> RunView | None:
    """Show the breaches of a run that has ended until every scrape has seen them."""
    verdicts = _verdicts(watch, moment.now)
    breaches = tuple(v for v in verdicts if v.outcome is Outcome.BREACH)
    return RunView(watch.history.facts, breaches, None, (), 0.0, 0.0) if breaches else None


def _verdicts(watch: Watch, now: float) -> Iterator[RuleVerdict]:
    for (rule, eval_set), verdict in watch.verdicts.items():
        if is_on(rule, watch.limits):
            alert = watch.alerts.get(AlertKey(rule, watch.subject, eval_set))
            yield RuleVerdict(rule, eval_set, *watch.peaks.show(verdict, alert, now))


def _eval_view(name: str, evals: Evaluations) -> EvalView:
    last = evals.losses.last
    return EvalView(name, last.value if last else None, evals.best)


def alert_views(watch: Watch) -> Iterator[AlertView]:
    """Show the alerts of one run that are pending or firing."""
    for alert in watch.alerts.values():
        if alert.state != "resolved":
            yield AlertView(alert, watch.history.facts)


def run_context(watch: Watch, eval_set: str, gpus: tuple[GpuObservation, ...] = ()) -> RunContext:
    """Return what a message says about a run beside the alert, as of now, and of its `gpus`."""
    history = watch.history
    loss, grad = history.loss.last, history.grad_norm.last
    evals = history.evals.get(eval_set) or next(iter(history.evals.values()), None)
    evaluated = evals.losses.last if evals else None
    best = evals.best if evals else None
    step = history.step
    return RunContext(
        facts=history.facts,
        step=step,
        epoch=history.epoch_at(step) if step is not None else None,
        train_tail=history.train_tail(TAIL),
        eval_tail=evals.losses.tail(TAIL) if evals else (),
        loss=loss.value if loss else None,
        eval_loss=evaluated.value if evaluated else None,
        learning_rate=history.learning_rate,
        grad_norm=grad.value if grad else None,
        best_eval=best,
        checkpoint=checkpoint_hint(history.facts.params, best.step, step or 0) if best else "",
        resumed_at=history.resumed_at,
        perplexity_task=watch.limits.rules.perplexity.task,
        gpus=gpus,
    )


def json_number(value: float | None) -> float | str | None:
    """Return a number that strict JSON can hold; what it cannot is spelt as Prometheus does."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
