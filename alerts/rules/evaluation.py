"""`eval_loss_gap` and `eval_loss_rising`: what the validation loss says, set by set."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from alerts.history import RunHistory
from alerts.history.evaluations import MIN_IMPROVEMENT, Evaluations, without_improvement
from alerts.history.minima import MEMORY
from alerts.history.series import Point
from alerts.model import Evidence, Outcome, Severity, Verdict
from alerts.rules import noise
from alerts.rules.moment import Moment
from alerts.thresholds import Limits

GAP = "eval_loss_gap"
GAP_ACTION = (
    "Generalisation gap: regularise more (dropout, weight decay, smaller LoRA rank), train fewer "
    "epochs, or add data."
)
RISING = "eval_loss_rising"
RISING_ACTION = "Stop, and use the checkpoint of the best evaluation."
UNSCALED_WITHIN = 0.15
WITHIN_BEST = 0.01
LEAST_POINTS = 6
"""Training points below which nothing is known of their noise."""
SURE = 3.0
"""Standard errors by which a number must be beyond a limit to be beyond it for sure."""
LEAST_WAITED = 2
FELL = 0.05
LEARNT = 0.01


def judge_gap(history: RunHistory, limits: Limits, moment: Moment) -> Iterator[Verdict]:
    """Compare each evaluation with the mean training loss since the one before it.

    For information while it may be noise, an offset of the data, or the lead that training has in
    a run that improves; see `is_memorising`.
    """
    threshold = limits.thresholds.max_val_loss_diff
    if threshold is None:
        return
    for eval_set, evals in evaluated(history, moment):
        yield _gap(history, eval_set, evals, threshold)


def _gap(history: RunHistory, eval_set: str, evals: Evaluations, threshold: float) -> Verdict:
    last = evals.losses[-1]
    unscaled = _unscaled(evals, history.facts.params.get("gradient_accumulation_steps", ""))
    if unscaled is Outcome.NOT_APPLICABLE:
        why = "the training loss is logged unscaled by gradient accumulation"
        return Verdict(GAP, unscaled, threshold=threshold, summary=why, eval_set=eval_set)
    mean = evals.train_mean
    if unscaled is Outcome.UNKNOWN or mean is None or not math.isfinite(last.value):
        return Verdict(GAP, Outcome.UNKNOWN, threshold=threshold, eval_set=eval_set)
    gap = last.value - mean
    return Verdict(
        GAP,
        Outcome.BREACH if gap > threshold else Outcome.CLEAR,
        Severity.WARNING if _is_sure(history, evals, gap - threshold) else Severity.INFO,
        gap,
        threshold,
        f"validation loss {last.value:.4g} is {gap:.4g} above the training loss {mean:.4g}",
        evidence={"eval_loss": last.value, "train_mean": mean, **best_evidence(evals)},
        eval_set=eval_set,
        step=last.step,
        epoch=history.epoch_at(last.step),
    )


def _is_sure(history: RunHistory, evals: Evaluations, excess: float) -> bool:
    """Whether a gap is beyond its limit by more than noise, and not an offset of the data."""
    return is_memorising(history, evals) and excess > SURE * mean_error(history, evals)


def is_memorising(history: RunHistory, evals: Evaluations) -> bool:
    """Whether the training loss goes on falling where the validation loss does not.

    For two evaluations or more it has not improved by `MIN_IMPROVEMENT`, and since then the
    training loss has fallen by 5 %, three standard errors of that fall aside.
    """
    points = evals.finite()
    waited = without_improvement([point.value for point in points])
    if waited < LEAST_WAITED:
        return False
    then, now = (evals.train_means.get(points[n].step) for n in (-1 - waited, -1))
    if then is None or now is None:
        return False
    noise = math.sqrt(2) * mean_error(history, evals)
    return then - now - SURE * noise >= FELL * abs(then)


def learnt(evals: Evaluations) -> bool:
    """Whether the validation loss has improved by 1 % since its first evaluation."""
    finite = evals.finite()
    if len(finite) < 2 or evals.best is None:
        return False
    first = finite[0].value
    return first - evals.best.value >= LEARNT * abs(first)


def improved_lately(evals: Evaluations) -> bool:
    """Whether one of the last two finite evaluations is the best so far."""
    points, best = evals.finite(), evals.best
    return best is not None and bool(points) and best.step >= points[-2:][0].step


def near_best(evals: Evaluations) -> bool:
    """Whether the last finite evaluation is within 1 % of the best so far."""
    points, best = evals.finite(), evals.best
    if best is None or not points:
        return False
    return points[-1].value <= best.value + WITHIN_BEST * abs(best.value)


def mean_error(history: RunHistory, evals: Evaluations) -> float:
    """Return the standard error of the mean training loss before the last evaluation.

    0 where the loss is not positive or the points are too few to tell noise from trend.
    """
    values, mean = history.levels.values[-MEMORY:], evals.train_mean
    if len(values) < LEAST_POINTS or min(values) <= 0 or mean is None:
        return 0.0
    return noise.standard_error(noise.estimate(values), mean, _points_before(history, evals))


def _points_before(history: RunHistory, evals: Evaluations) -> int:
    """Return how many training points lie between the last two evaluations, or before the only."""
    last, earlier = evals.losses[-1].step, evals.losses.before(evals.losses[-1].step)
    start = earlier.step if earlier else -math.inf
    return max(1, sum(1 for step in history.levels.steps[-MEMORY:] if start < step <= last))


def _unscaled(evals: Evaluations, accumulation: str) -> Outcome:
    """Tell whether the first three evaluations show a training loss summed over accumulation.

    Clear: it is scaled. Unknown: so far it looks unscaled, but fewer than three were seen.
    """
    steps = _number(accumulation)
    if not 2 <= steps < math.inf or not evals.first_ratios:
        return Outcome.CLEAR
    if any(abs(ratio / steps - 1) > UNSCALED_WITHIN for ratio in evals.first_ratios):
        return Outcome.CLEAR
    return Outcome.NOT_APPLICABLE if len(evals.first_ratios) >= 3 else Outcome.UNKNOWN


def _number(param: str) -> float:
    """Read a number that a run logged as a param, where anything may stand."""
    try:
        return float(param)
    except ValueError:
        return math.nan


def judge_rising(history: RunHistory, limits: Limits, moment: Moment) -> Iterator[Verdict]:
    """Count strict consecutive rises of the validation loss; a tie or a fall starts anew."""
    threshold = limits.thresholds.max_val_loss_increase
    if threshold is None:
        return
    for eval_set, evals in evaluated(history, moment):
        if math.isfinite(evals.losses[-1].value):
            yield _rising(history, eval_set, evals, threshold)


def _rising(history: RunHistory, eval_set: str, evals: Evaluations, threshold: int) -> Verdict:
    points = evals.finite()
    count = consecutive_rises(points)
    total = points[-1].value - points[-1 - count].value
    return Verdict(
        RISING,
        Outcome.BREACH if count >= threshold else Outcome.CLEAR,
        Severity.INFO if total <= MIN_IMPROVEMENT else Severity.WARNING,
        float(count),
        float(threshold),
        f"validation loss rose {count} times in a row, to {points[-1].value:.4g}",
        evidence={"eval_loss": points[-1].value, "rise": total, **best_evidence(evals)},
        eval_set=eval_set,
        step=points[-1].step,
        epoch=history.epoch_at(points[-1].step),
    )


def consecutive_rises(points: Sequence[Point]) -> int:
    """Return how many of the last steps from point to point were strict rises."""
    count = 0
    for before, after in pairwise(points):
        count = count + 1 if after.value > before.value else 0
    return count


def evaluated(history: RunHistory, moment: Moment) -> Iterator[tuple[str, Evaluations]]:
    """Yield the validation sets that the record of this moment evaluated."""
    for eval_set in moment.record.evals:
        if eval_set in history.evals:
            yield eval_set, history.evals[eval_set]


def best_evidence(evals: Evaluations) -> Evidence:
    """Return where the best evaluation is, for a message."""
    best = evals.best
    return {"best_eval_loss": best.value, "best_eval_step": best.step} if best else {}
