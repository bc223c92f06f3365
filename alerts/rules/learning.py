"""`underfit`, `fast_fall_plateau` and `gradient_exploding`: whether, and how fast, a run learns."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from alerts.history import RunHistory
from alerts.history.evaluations import Evaluations
from alerts.model import Outcome, Severity, Verdict
from alerts.rules.evaluation import learnt, near_best
from alerts.rules.moment import Moment
from alerts.thresholds import Limits

UNDERFIT = "underfit"
UNDERFIT_ACTION = "Raise the learning rate or the LoRA rank, and check labels and loss masks."
FAST_FALL = "fast_fall_plateau"
FAST_FALL_ACTION = "Check the validation loss: the run learnt all it could in its first fifth."
EXPLODING = "gradient_exploding"
EXPLODING_ACTION = "Clip gradients (max_grad_norm 1.0) and lower the learning rate."
LEARNT_NOTHING = 95.0
"""Percent of the first losses above which the best level is no progress."""
TINY_LEARNING_RATE = 1e-5
STILL_POINTS = 50
STILL_EVALUATIONS = 3
STILL_WITHIN = 0.002
LEAST_POINTS = 10
FALL_SHARE, EARLY_SHARE = 0.8, 0.2
FLAT_WITHIN = 0.03
GRAD_WIDTH = 5
EXPLODES_AT, CALM_BELOW = 10.0, 3.0
LEVEL_WIDTHS = (15, 9, 5, 3)
"""Widths at which a level is trusted, the smoothest for which there are points enough."""


def judge_underfit(history: RunHistory, _limits: Limits, moment: Moment) -> Iterator[Verdict]:
    """Breach when an epoch has taught nothing, or a tiny learning rate plainly does not.

    After an epoch: the best level is above 95 % of where the run began, and no validation loss has
    improved by 1 %. Sooner: after 50 points, and three evaluations of each set within 0.2 % of the
    first, at a learning rate that never exceeded 1e-5.
    """
    if moment.record.loss is None:
        return
    level = _best_level(history)
    start = median(history.first_losses) if len(history.first_losses) == 3 else 0.0
    step = moment.record.step
    epoch = history.epoch_at(step)
    waits = (epoch is None or epoch < 1) and not _is_standing_still(history)
    if waits or level is None or start <= 0 or history.levels.count < LEAST_POINTS:
        yield Verdict(UNDERFIT, Outcome.UNKNOWN)
        return
    share = 100 * level / start
    stuck = share > LEARNT_NOTHING or _is_standing_still(history)
    yield Verdict(
        UNDERFIT,
        Outcome.BREACH if stuck and not any(map(learnt, history.evals.values())) else Outcome.CLEAR,
        Severity.WARNING,
        share,
        LEARNT_NOTHING,
        f"the best training loss so far, {level:.4g}, is {share:.0f} % of where it began",
        evidence={"start": start, "best": level},
        step=step,
        epoch=epoch,
    )


def _is_standing_still(history: RunHistory) -> bool:
    """Whether the weights hardly move: no validation loss changes, at a tiny learning rate."""
    peak = history.peak_learning_rate
    if peak is None or peak > TINY_LEARNING_RATE or history.levels.count < STILL_POINTS:
        return False
    return bool(history.evals) and all(map(_is_unchanged, history.evals.values()))


def _is_unchanged(evals: Evaluations) -> bool:
    values = [point.value for point in evals.finite()]
    if len(values) < STILL_EVALUATIONS:
        return False
    return max(values) - min(values) <= STILL_WITHIN * abs(values[0])


def _best_level(history: RunHistory) -> float | None:
    """Return the lowest windowed training loss so far, the current window included."""
    count = history.levels.count
    width = next((w for w in LEVEL_WIDTHS if count >= 2 * w), None)
    lowest = history.levels.lowest(width) if width else None
    if width is None or lowest is None:
        return None
    return min(lowest.value, history.levels.current(width))


def judge_fast_fall(history: RunHistory, _limits: Limits, moment: Moment) -> Iterator[Verdict]:
    """Breach when 80 % of the fall came in the first fifth, and an epoch has been flat since."""
    closed = history.epochs.closed
    values = history.curve.values
    if moment.record.loss is None or len(closed) < 2 or len(values) < 20:
        return
    start = median(values[:3])
    now = median(values[-5:])
    early = median(values[int(EARLY_SHARE * len(values)) :][:5])
    last, before = closed[-1], closed[-2]
    flat = abs(last.mean - before.mean) <= FLAT_WITHIN * abs(before.mean)
    fell = start - now
    fast = fell > 0 and start - early >= FALL_SHARE * fell
    near = all(near_best(evals) for evals in history.evals.values() if evals.best)
    yield Verdict(
        FAST_FALL,
        Outcome.BREACH if fast and flat and near else Outcome.CLEAR,
        Severity.INFO,
        100 * (start - early) / fell if fell > 0 else None,
        100 * FALL_SHARE,
        "most of the fall of the training loss came in the first fifth; it has been flat since",
        step=moment.record.step,
        epoch=history.epoch_at(moment.record.step),
    )


def judge_gradients(history: RunHistory, _limits: Limits, moment: Moment) -> Iterator[Verdict]:
    """Breach when the 5-point median of grad_norm is above ten times its best earlier one.

    And above the clipping norm, and above 1. Clear below three times the best.
    """
    lowest = history.grad_levels.lowest(GRAD_WIDTH)
    if moment.record.grad_norm is None or lowest is None or lowest.value <= 0:
        return
    current = history.grad_levels.current(GRAD_WIDTH)
    ratio = current / lowest.value
    breach = ratio > EXPLODES_AT and current > max(1.0, _clipping_norm(history))
    quiet = Outcome.CLEAR if ratio < CALM_BELOW else Outcome.UNKNOWN
    yield Verdict(
        EXPLODING,
        Outcome.BREACH if breach else quiet,
        Severity.WARNING,
        ratio,
        EXPLODES_AT,
        f"gradient norm {current:.4g} is {ratio:.0f} times its best level {lowest.value:.4g}",
        evidence={"current": current, "baseline": lowest.value, "baseline_step": lowest.step},
        step=moment.record.step,
        epoch=history.epoch_at(moment.record.step),
    )


def _clipping_norm(history: RunHistory) -> float:
    try:
        return float(history.facts.params.get("max_grad_norm", ""))
    except ValueError:
        return 0.0
