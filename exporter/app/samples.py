"""Sample alerts, one of each severity, by which people see that they are reached."""

from __future__ import annotations

import math
from collections.abc import Iterator

from alerts.model import AlertKey, Extremum, RunContext, RunFacts, Severity, Subject, Transition
from alerts.notify.notice import Kind, Notice
from alerts.rules import RULES

_RUN = "tunewatch-test"
_RULES = {
    Severity.INFO: "epoch_loss_stall",
    Severity.WARNING: "eval_loss_rising",
    Severity.CRITICAL: "nonfinite",
}


def samples(now: float) -> Iterator[Notice]:
    """Yield a notice of each severity, the least urgent first, about a run that does not exist."""
    run = _run(now)
    for severity, name in _RULES.items():
        rule = RULES[name]
        transition = Transition(
            key=AlertKey(name, Subject("run", _RUN)),
            state="firing",
            severity=severity,
            episode=1,
            at=now,
            value=None,
            threshold=None,
            summary="This is a test: no such run exists and nothing is wrong.",
            action=rule.action,
            step=run.step,
            epoch=run.epoch,
        )
        yield Notice(Kind.FIRING, transition, run, rule.resolves, rule.unit)


def _run(now: float) -> RunContext:
    """Return a run that learns until it overfits."""
    train = tuple(0.4 + 2.1 * math.exp(-step / 18) for step in range(64))
    evaluated = (1.52, 1.13, 0.94, 0.88, 0.93, 1.01, 1.12, 1.26)
    facts = RunFacts(_RUN, "a test of tunewatch", "a test of tunewatch", "RUNNING", now - 3600)
    return RunContext(
        facts=facts,
        step=640,
        epoch=4.0,
        train_tail=train,
        eval_tail=evaluated,
        loss=train[-1],
        eval_loss=evaluated[-1],
        learning_rate=2e-5,
        best_eval=Extremum(320, min(evaluated)),
    )
