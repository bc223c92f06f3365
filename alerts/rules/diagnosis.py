"""What training and validation loss say together: overfitting, its onset, a plateau, a stop."""

from __future__ import annotations

import math
from collections.abc import Iterator

from alerts.history import RunHistory
from alerts.history.evaluations import MIN_IMPROVEMENT, Evaluations, without_improvement
from alerts.model import Outcome, Severity, Verdict
from alerts.rules.evaluation import (
    SURE,
    best_evidence,
    evaluated,
    improved_lately,
    is_memorising,
    mean_error,
    near_best,
)
from alerts.rules.moment import Moment
from alerts.rules.trend import LOOKBACK, Trend, trend
from alerts.thresholds import Limits

OVERFITTING = "overfitting"
OVERFITTING_ACTION = "Stop, and use the checkpoint of the best evaluation."
ONSET = "overfit_onset"
ONSET_ACTION = "Consider early stopping: training still improves, validation no longer does."
PLATEAU = "plateau"
PLATEAU_ACTION = "Change the learning-rate schedule, or finish: neither loss moves any more."
EARLY_STOP = "early_stop"
EARLY_STOP_ACTION = "Early stopping would have ended here, and kept the best evaluation."
NEAR_BEST = 0.01
"""How close to its best a validation loss must come for overfitting to be over."""
PATIENCE = 3
"""Evaluations in a row without an improvement, as the user's early stopping has it."""


def judge_trends(history: RunHistory, _limits: Limits, moment: Moment) -> Iterator[Verdict]:
    """Judge each validation set by the trends of its last four evaluations."""
    for eval_set, evals in evaluated(history, moment):
        points = evals.finite()
        if len(points) < LOOKBACK:
            continue
        validation = trend([point.value for point in points[-LOOKBACK:]])
        training = training_trend(history, evals)
        over = training is Trend.DOWN and validation is Trend.UP
        parting = is_memorising(history, evals) and not improved_lately(evals)
        onset = training is Trend.DOWN and validation is Trend.FLAT and parting
        flat = training is Trend.FLAT and validation is Trend.FLAT and near_best(evals)
        yield _verdict(history, eval_set, evals, OVERFITTING, _until_near_best(evals, over))
        yield _verdict(history, eval_set, evals, ONSET, _until_near_best(evals, onset))
        yield _verdict(history, eval_set, evals, PLATEAU, Outcome.BREACH if flat else Outcome.CLEAR)


_SEVERITY = {
    OVERFITTING: Severity.CRITICAL,
    ONSET: Severity.WARNING,
    PLATEAU: Severity.INFO,
    EARLY_STOP: Severity.INFO,
}
_SUMMARY = {
    OVERFITTING: "training loss falls while validation loss rises, to {last:.4g}",
    ONSET: "training loss falls while validation loss stays at {last:.4g}",
    PLATEAU: "neither training nor validation loss moves any more ({last:.4g})",
}


def _verdict(
    history: RunHistory, eval_set: str, evals: Evaluations, rule: str, outcome: Outcome
) -> Verdict:
    last = evals.finite()[-1]
    return Verdict(
        rule,
        outcome,
        _SEVERITY[rule],
        summary=_SUMMARY[rule].format(last=last.value),
        evidence={"eval_loss": last.value, **best_evidence(evals)},
        eval_set=eval_set,
        step=last.step,
        epoch=history.epoch_at(last.step),
    )


def training_trend(history: RunHistory, evals: Evaluations) -> Trend:
    """Read the trend of the mean training losses; one within their noise is not clear."""
    means = _train_means(evals)
    found = trend(means)
    if found not in (Trend.DOWN, Trend.UP):
        return found
    noise = math.sqrt(2) * mean_error(history, evals)
    return found if abs(means[-1] - means[0]) > SURE * noise else Trend.UNCLEAR


def _train_means(evals: Evaluations) -> list[float]:
    """Return the mean training losses before the last four evaluations, as far as there are."""
    means = (evals.train_means.get(point.step) for point in evals.finite()[-LOOKBACK:])
    return [mean for mean in means if mean is not None]


def _until_near_best(evals: Evaluations, breach: bool) -> Outcome:  # noqa: FBT001 - the one thing it decides by
    """Hold what fired until validation is close to its best again."""
    if breach:
        return Outcome.BREACH
    best = evals.best
    recovered = best is not None and evals.finite()[-1].value <= best.value + NEAR_BEST
    return Outcome.CLEAR if recovered else Outcome.UNKNOWN


def judge_early_stop(history: RunHistory, _limits: Limits, moment: Moment) -> Iterator[Verdict]:
    """Count evaluations in a row that did not improve the best by more than `MIN_IMPROVEMENT`."""
    for eval_set, evals in evaluated(history, moment):
        points = evals.finite()
        waited = without_improvement([point.value for point in points])
        if not points:
            continue
        last = points[-1]
        best = evals.best
        yield Verdict(
            EARLY_STOP,
            Outcome.BREACH if waited >= PATIENCE else Outcome.CLEAR,
            Severity.INFO,
            float(waited),
            float(PATIENCE),
            f"{waited} evaluations without an improvement of more than {MIN_IMPROVEMENT}; early "
            f"stopping would have kept step {best.step if best else last.step}",
            evidence=best_evidence(evals),
            eval_set=eval_set,
            step=last.step,
            epoch=history.epoch_at(last.step),
        )
