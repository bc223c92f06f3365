"""`nonfinite`: NaN or infinity in the loss, the validation loss or the gradient norm."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.history import RunHistory
from alerts.model import Outcome, Severity, Verdict
from alerts.rules.moment import Moment
from alerts.thresholds import Limits

NAME = "nonfinite"
ACTION = (
    "Stop: the weights are lost. Restart from the last finite checkpoint with bf16 instead of "
    "fp16, a lower learning rate, and gradients clipped at 1.0."
)
RECOVERED_AFTER = 20
"""Finite training points in a row after which the run counts as recovered."""


def judge(history: RunHistory, limits: Limits, moment: Moment) -> Iterator[Verdict]:  # noqa: ARG001 - no limit to read
    """Breach at the record that is not finite; clear after twenty finite training points."""
    seen = history.finiteness
    if seen.step is None:
        yield Verdict(NAME, Outcome.CLEAR, Severity.CRITICAL, value=0.0)
        return
    if seen.step == moment.record.step and seen.finite_since == 0:
        outcome = Outcome.BREACH
    else:
        recovered = seen.finite_since >= RECOVERED_AFTER
        outcome = Outcome.CLEAR if recovered else Outcome.UNKNOWN
    yield Verdict(
        NAME,
        outcome,
        Severity.CRITICAL,
        0.0 if outcome is Outcome.CLEAR else 1.0,
        None,
        f"not finite at step {seen.step}: {seen.metric}",
        evidence={"metric": seen.metric},
        step=moment.record.step,
        epoch=history.epoch_at(moment.record.step),
    )
