"""`loss_increase`: the training loss rose above its best level by more than the threshold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from alerts.history import RunHistory
from alerts.history.minima import MEMORY
from alerts.model import Outcome, Severity, Verdict
from alerts.rules import noise
from alerts.rules.evaluation import near_best
from alerts.rules.moment import Moment
from alerts.thresholds import Limits, LossIncreaseTuning

NAME = "loss_increase"
ACTION = (
    "Lower the learning rate (x0.3-0.5) and check the warm-up; if grad_norm rose first, clip "
    "gradients at 1.0; or restart from a checkpoint before the rise."
)
TOWERS = 1.5
"""Times the best level that three points in a row must exceed to be told at once."""
DOUBLED = 100.0
"""Percent of rise that needs nobody to confirm it."""
EARLY = 10
"""Points below which there is no window to speak of."""


class Rise(NamedTuple):
    """The level now against the level before it; `width` is the number of points of each."""

    current: float
    baseline: float
    baseline_step: int | None
    width: int


def judge(history: RunHistory, limits: Limits, moment: Moment) -> Iterator[Verdict]:
    """Compare the windowed training loss with its best earlier level; see `noise.window`.

    A rise is told when current > (1 + p) * baseline and current - baseline > min_delta, or when
    three points in a row tower above everything before (the fast path).
    """
    threshold = limits.thresholds.max_loss_increase_pct
    tuning = limits.rules.loss_increase
    if threshold is None or moment.record.loss is None:
        return
    yield _verdict(history, threshold, tuning, moment)


def _verdict(
    history: RunHistory, threshold: float, tuning: LossIncreaseTuning, moment: Moment
) -> Verdict:
    values = history.levels.values[-MEMORY:]
    if not values:
        return Verdict(NAME, Outcome.UNKNOWN, threshold=threshold)
    not_applicable = Verdict(NAME, Outcome.NOT_APPLICABLE, threshold=threshold, summary="loss <= 0")
    if min(values) <= 0:
        return not_applicable
    literal = tuning.baseline == "previous"
    rise = _literal(values) if literal else _find(history, values, threshold / 100)
    if rise is None:
        return Verdict(NAME, Outcome.UNKNOWN, threshold=threshold)
    if rise.baseline <= 0:
        return not_applicable
    # The exported number is what is compared, so that Prometheus says the same.
    pct = 100 * (rise.current / rise.baseline - 1)
    high = pct > threshold and rise.current - rise.baseline > tuning.min_delta
    breach = high and (literal or not vouched(history, rise.width))
    return Verdict(
        NAME,
        Outcome.BREACH if breach else Outcome.CLEAR,
        _severity(history, rise, threshold, literal=literal),
        pct,
        threshold,
        f"training loss rose {pct:.0f} % above its best level "
        f"({rise.baseline:.4g} to {rise.current:.4g})",
        evidence=_evidence(rise),
        step=moment.record.step,
        epoch=history.epoch_at(moment.record.step),
    )


def _severity(history: RunHistory, rise: Rise, threshold: float, *, literal: bool) -> Severity:
    """Weigh a rise: below a doubling, the first points and those before an evaluation are unsure.

    A change of the data raises the training loss for good, and validation then tells it from harm.
    """
    pct = 100 * (rise.current / rise.baseline - 1)
    early = rise.width > 1 and history.levels.count < EARLY
    if not literal and pct < DOUBLED and (early or _awaits_evaluation(history, rise.width)):
        return Severity.INFO
    return Severity.CRITICAL if pct > 5 * threshold else Severity.WARNING


def _awaits_evaluation(history: RunHistory, width: int) -> bool:
    """Whether a validation set has yet to be evaluated in the current window, and is not late."""
    window_start, now = history.levels.steps[-width:][0], history.levels.steps[-1]
    awaited = False
    for evals in history.evals.values():
        steps = [point.step for point in evals.finite()[-2:]]
        if len(steps) < 2:
            continue
        if steps[1] >= window_start:
            return False
        awaited = awaited or now - steps[1] <= steps[1] - steps[0]
    return awaited


def _evidence(rise: Rise) -> dict[str, float | int | str]:
    found: dict[str, float | int | str] = {
        "current": rise.current,
        "baseline": rise.baseline,
        "window_points": rise.width,
    }
    return found if rise.baseline_step is None else {**found, "baseline_step": rise.baseline_step}


def _find(history: RunHistory, values: list[float], p: float) -> Rise | None:
    """Return the rise to compare, or None where the noise or the shortness hides any."""
    count = history.levels.count
    if count < EARLY and _sparse(history):
        return _literal(values)
    estimate = noise.estimate(values)
    fast = _fast(history, values, p, estimate)
    if fast is not None or count < EARLY:
        return fast
    width = noise.window(estimate, p)
    if width is None or count < 2 * width:
        return None
    lowest = history.levels.lowest(width)
    if lowest is None:
        return None
    return Rise(history.levels.current(width), lowest.value, lowest.step, width)


def _fast(history: RunHistory, values: list[float], p: float, estimate: noise.Noise) -> Rise | None:
    """Return a rise so steep that three points suffice."""
    lowest = history.levels.lowest(3)
    count = history.levels.count
    if lowest is None or lowest.value <= 0 or count < 6:
        return None
    # In logarithms, where no noise can overflow.
    steep = 3 * estimate.jumps if count < EARLY else max(math.log(TOWERS), 5 * estimate.jumps)
    rise = math.log(min(values[-3:])) - math.log(lowest.value)
    if rise <= max(steep, math.log1p(p)):
        return None
    return Rise(history.levels.current(3), lowest.value, lowest.step, 3)


def _literal(values: list[float]) -> Rise | None:
    """Compare a point with the one before it."""
    return Rise(values[-1], values[-2], None, 1) if len(values) > 1 else None


def _sparse(history: RunHistory) -> bool:
    """Whether the run logs two or fewer training points per epoch."""
    points = history.loss.points()
    first, last = history.epoch_at(points[0].step), history.epoch_at(points[-1].step)
    if first is None or last is None or len(points) < 2:
        return False
    return (last - first) / (len(points) - 1) >= 0.5


def vouched(history: RunHistory, width: int) -> bool:
    """Whether an evaluation inside the current window is within 1 % of the best so far.

    The training loss is noisy then, but the model is not worse.
    """
    window_start = history.levels.steps[-width:][0]
    # The only evaluation of a run is its best, however bad it is.
    vouchers = [e for e in history.evals.values() if len(e.finite()) > 1]
    inside = [e for e in vouchers if e.finite()[-1].step >= window_start]
    return bool(inside) and all(near_best(evals) for evals in inside)
