"""`epoch_loss_stall`: the mean training loss fell by less than the threshold over an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from alerts.history import RunHistory
from alerts.history.epochs import EpochMean
from alerts.model import Outcome, Severity, Verdict
from alerts.rules.evaluation import learnt
from alerts.rules.moment import Moment
from alerts.thresholds import Limits

NAME = "epoch_loss_stall"
ACTION = "Plateau: consider stopping, or change the learning-rate schedule."
NO_LEARNING = (
    "No learning: raise the learning rate or the LoRA rank, and check labels and loss masks."
)
LEARNT_AT_LEAST = 5.0
"""Percent of total fall since epoch 1 below which a stall reads as *no learning*."""


def judge(history: RunHistory, limits: Limits, moment: Moment) -> Iterator[Verdict]:
    """Compare the two last closed epochs: drop = 100 (L[k-1] - L[k]) / |L[k-1]|, in percent."""
    threshold = limits.thresholds.min_loss_decrease_per_epoch
    if threshold is None:
        return
    closed = history.epochs.closed
    if history.epochs.number is None:
        yield Verdict(NAME, Outcome.NOT_APPLICABLE, threshold=threshold, summary="no epoch logged")
    elif len(closed) >= 2:
        yield _verdict(history, closed, threshold, moment)


def _verdict(
    history: RunHistory, closed: list[EpochMean], threshold: float, moment: Moment
) -> Verdict:
    drops = [drop(before, after) for before, after in pairwise(closed[-3:])]
    stalled = drops[-1] < threshold
    # The last epoch of a run that has converged is no news, unless the one before stalled too.
    excused = moment.ended and not (len(drops) > 1 and drops[-2] < threshold)
    latest = closed[-1]
    learns = any(learnt(evals) for evals in history.evals.values())
    total = drop(closed[0], latest)
    return Verdict(
        NAME,
        Outcome.BREACH if stalled and not excused else Outcome.CLEAR,
        Severity.INFO if latest.number > 2 or learns else Severity.WARNING,
        drops[-1],
        threshold,
        f"training loss {_change(drops[-1])} over epoch {latest.number} (mean {latest.mean:.4g})",
        action=NO_LEARNING if total < LEARNT_AT_LEAST else ACTION,
        evidence={"epoch_mean": latest.mean, "previous_mean": closed[-2].mean, "total_drop": total},
        step=history.step,
        epoch=float(latest.number),
    )


def _change(fallen: float) -> str:
    return f"{'fell' if fallen >= 0 else 'rose'} {abs(fallen):.4g} %"


def drop(before: EpochMean, after: EpochMean) -> float:
    """Return the fall of the mean loss in percent; negative when it rose."""
    if before.mean == 0:
        return 0.0
    return 100 * (before.mean - after.mean) / abs(before.mean)
