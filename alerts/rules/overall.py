"""One word for how a run does: the gravest finding that holds, or that it is healthy."""

from __future__ import annotations

from collections.abc import Collection

from alerts.history import RunHistory
from alerts.rules import diagnosis, learning, nonfinite, stability
from alerts.rules.trend import LOOKBACK, Trend, trend

HEALTHY = "healthy"
UNDECIDED = "undecided"
GRAVEST_FIRST = (
    nonfinite.NAME,
    diagnosis.OVERFITTING,
    diagnosis.ONSET,
    stability.UNSTABLE,
    learning.EXPLODING,
    learning.UNDERFIT,
    diagnosis.PLATEAU,
    learning.FAST_FALL,
    diagnosis.EARLY_STOP,
)
DIAGNOSES = (*GRAVEST_FIRST, HEALTHY, UNDECIDED)
"""Every word that `diagnose` may say."""


def diagnose(history: RunHistory, holding: Collection[str]) -> str:
    """Return the gravest of the rules that hold; else *healthy* or *undecided*.

    Healthy: the training loss and every validation loss went down over the last four evaluations.
    """
    found = next((rule for rule in GRAVEST_FIRST if rule in holding), None)
    if found is not None:
        return found
    sets = [evals for evals in history.evals.values() if len(evals.finite()) >= LOOKBACK]
    downward = all(
        diagnosis.training_trend(history, evals) is Trend.DOWN
        and trend([point.value for point in evals.finite()[-LOOKBACK:]]) is Trend.DOWN
        for evals in sets
    )
    return HEALTHY if sets and downward else UNDECIDED
