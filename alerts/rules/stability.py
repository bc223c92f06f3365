"""`unstable` and `loss_spike`: a training loss that swings, and one that jumped and came back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from alerts.history import RunHistory
from alerts.history.evaluations import Evaluations
from alerts.model import Outcome, Severity, Verdict
from alerts.rules import noise
from alerts.rules.loss_increase import vouched
from alerts.rules.moment import Moment
from alerts.rules.noise import mad
from alerts.thresholds import Limits

UNSTABLE = "unstable"
UNSTABLE_ACTION = "Lower the learning rate, use a larger batch, or clip gradients."
SPIKE = "loss_spike"
SPIKE_ACTION = "Nothing, since it recovered; skip the data shard if it happens at the same place."
MEDIANS = 30
"""Three-point medians that are looked at."""
REVERSALS = 6
SWING_RELATIVE = 0.4
SWING_ABSOLUTE = 0.01
SWING_ERRORS = 4.0
ERROR_OF_THREE = 0.67
"""Standard error of the median of three normal values, in their standard deviations."""
EVALUATIONS = 8
EVAL_REVERSALS = 3
EVAL_SWING = 0.2
RECOVERS_WITHIN = 5
SPIKE_BASE = 20
"""Points before a spike that say what is usual."""
SPIKE_AT_LEAST = 1.0
SPIKE_DEVIATIONS = 8.0


def judge_unstable(history: RunHistory, _limits: Limits, moment: Moment) -> Iterator[Verdict]:
    """Count the swings of the training loss, and of the validation losses, which have no noise.

    Training: six reversals among the last 30 three-point medians, of 40 % of their median, of 0.01
    and of four standard errors; an evaluation within 1 % of the best vouches against them.
    Validation: three reversals of 20 % among the last eight evaluations.
    """
    if moment.record.loss is None and not moment.record.evals:
        return
    swings = [_training_swings(history), *map(_validation_swings, history.evals.values())]
    known = [swing for swing in swings if swing is not None]
    if not known:
        yield Verdict(UNSTABLE, Outcome.UNKNOWN)
        return
    worst = max(known, key=lambda swing: (not swing.excused, swing.turns / swing.limit))
    quiet = all(swing.turns == 0 for swing in known) or worst.turns >= worst.limit
    breach = worst.turns >= worst.limit and not worst.excused
    clear = Outcome.CLEAR if quiet else Outcome.UNKNOWN
    yield Verdict(
        UNSTABLE,
        Outcome.BREACH if breach else clear,
        Severity.WARNING,
        float(worst.turns),
        float(worst.limit),
        f"{worst.curve} loss swung {worst.turns} times by {100 * worst.share:.0f} % or more around "
        f"{worst.level:.4g}",
        evidence={"median": worst.level},
        step=moment.record.step,
        epoch=history.epoch_at(moment.record.step),
    )


class Swings(NamedTuple):
    """How often a curve turned by at least `share` of its level, against the limit of turns."""

    curve: str
    turns: int
    limit: int
    level: float
    share: float
    excused: bool = False


def _training_swings(history: RunHistory) -> Swings | None:
    values = history.levels.values[-noise.LOOKBACK :]
    if len(values) < MEDIANS + 2:
        return None
    last = values[-(MEDIANS + 2) :]
    smooth = [median(last[i : i + 3]) for i in range(MEDIANS)]
    level = median(smooth)
    least = max(SWING_RELATIVE * abs(level), SWING_ABSOLUTE)
    count = reversals(smooth, least)
    if count >= REVERSALS:
        # Only now, since it costs more than all the rest. Never none: quiet it is not.
        noise_makes = SWING_ERRORS * _median_error(values) * abs(level)
        count = max(1, reversals(smooth, max(least, noise_makes)))
    excused = count >= REVERSALS and vouched(history, MEDIANS)
    return Swings("training", count, REVERSALS, level, SWING_RELATIVE, excused)


def _median_error(values: Sequence[float]) -> float:
    """Return the relative standard error of a three-point median under the noise of the run.

    By second differences of the logarithms, divided by sqrt(6): they hardly see a wave.
    """
    if min(values) <= 0:
        return 0.0
    logs = [math.log(value) for value in values]
    bends = [a - 2 * b + c for a, b, c in zip(logs, logs[1:], logs[2:], strict=False)]
    return ERROR_OF_THREE * noise.MAD_TO_SIGMA * noise.mad(bends) / math.sqrt(6)


def _validation_swings(evals: Evaluations) -> Swings | None:
    values = [point.value for point in evals.finite()[-EVALUATIONS:]]
    if len(values) < 4:
        return None
    level = median(values)
    count = reversals(values, max(EVAL_SWING * abs(level), SWING_ABSOLUTE))
    return Swings("validation", count, EVAL_REVERSALS, level, EVAL_SWING)


def reversals(values: Sequence[float], swing: float) -> int:
    """Return how often a series turns after moving by at least `swing` since its last turn."""
    count = 0
    low = high = values[0]
    direction = 0
    for value in values[1:]:
        low, high = min(low, value), max(high, value)
        if direction >= 0 and high - value >= swing:
            count += direction > 0
            direction, low, high = -1, value, value
        elif direction <= 0 and value - low >= swing:
            count += direction < 0
            direction, low, high = 1, value, value
    return count


def judge_spike(history: RunHistory, _limits: Limits, moment: Moment) -> Iterator[Verdict]:
    """Find a jump above median + max(100 %, 8 MAD) that came back within five points.

    It is told at the point of recovery, as an event: while it lasts it might be a divergence.
    """
    if moment.record.loss is None:
        return
    values, steps = history.levels.values, history.levels.steps
    found = spike(values[-(SPIKE_BASE + RECOVERS_WITHIN + 1) :])
    if found is None:
        yield Verdict(SPIKE, Outcome.CLEAR)
        return
    length, peak, usual = found
    yield Verdict(
        SPIKE,
        Outcome.BREACH,
        Severity.INFO,
        peak,
        None,
        f"training loss spiked to {peak:.4g} from {usual:.4g} and recovered",
        evidence={"usual": usual, "points": length},
        step=steps[-1 - length],
        epoch=history.epoch_at(steps[-1 - length]),
    )


def spike(values: Sequence[float]) -> tuple[int, float, float] | None:
    """Return (points, peak, usual level) of a spike that ended with the last value, or None."""
    for length in range(1, RECOVERS_WITHIN + 1):
        before = values[: -1 - length][-SPIKE_BASE:]
        if len(before) < SPIKE_BASE // 2:
            return None
        usual = median(before)
        bound = usual + max(SPIKE_AT_LEAST * abs(usual), SPIKE_DEVIATIONS * mad(before))
        above = values[-1 - length : -1]
        if min(above) > bound >= max(before[-1], values[-1]):
            return length, max(above), usual
    return None
