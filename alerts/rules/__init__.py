"""The table of rules: what each is called, when it is judged, and what to do when it fires."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from alerts.history import RunHistory
from alerts.model import Severity, Verdict
from alerts.rules import (
    diagnosis,
    epoch_loss,
    evaluation,
    learning,
    life,
    loss_increase,
    machines,
    nonfinite,
    stability,
)
from alerts.rules.moment import Moment
from alerts.rules.rule import KEEP_FIRING_FOR, Rule, Unit
from alerts.thresholds import Limits

__all__ = ["KEEP_FIRING_FOR", "ON_END", "ON_RECORD", "ON_TIME", "RULES", "Rule", "RunJudge", "Unit"]

RunJudge = Callable[[RunHistory, Limits, Moment], Iterable[Verdict]]
"""A rule about runs: judges one history under these limits at one moment."""

RULES = {
    rule.name: rule
    for rule in (
        Rule(
            nonfinite.NAME,
            nonfinite.ACTION,
            "run",
            resolves="20 finite training points in a row have come",
            unit="flag",
            severities=(Severity.CRITICAL,),
        ),
        Rule(
            diagnosis.OVERFITTING,
            diagnosis.OVERFITTING_ACTION,
            "run",
            resolves="the validation loss is within 0.01 of its best",
            severities=(Severity.CRITICAL,),
        ),
        Rule(
            loss_increase.NAME,
            loss_increase.ACTION,
            "run",
            "max_loss_increase_pct",
            resolves="the training loss is back within the threshold of its best level",
            unit="%",
            severities=(Severity.INFO, Severity.WARNING, Severity.CRITICAL),
        ),
        Rule(
            stability.UNSTABLE,
            stability.UNSTABLE_ACTION,
            "run",
            resolves="30 points have come without such a swing",
            severities=(Severity.WARNING,),
        ),
        Rule(
            learning.EXPLODING,
            learning.EXPLODING_ACTION,
            "run",
            resolves="the gradient norm is below 3 times its best level",
            severities=(Severity.WARNING,),
        ),
        Rule(
            learning.UNDERFIT,
            learning.UNDERFIT_ACTION,
            "run",
            resolves="the training loss falls below 95 % of where it began",
            unit="%",
            severities=(Severity.WARNING,),
        ),
        Rule(
            diagnosis.ONSET,
            diagnosis.ONSET_ACTION,
            "run",
            resolves="the validation loss is within 0.01 of its best",
            severities=(Severity.WARNING,),
        ),
        Rule(
            epoch_loss.NAME,
            epoch_loss.ACTION,
            "run",
            "min_loss_decrease_per_epoch",
            resolves="the training loss falls by at least the threshold over an epoch again",
            unit="%",
            repeat_every=math.inf,
            severities=(Severity.INFO, Severity.WARNING),
        ),
        Rule(
            evaluation.GAP,
            evaluation.GAP_ACTION,
            "run",
            "max_val_loss_diff",
            resolves="an evaluation comes within the threshold of the training loss",
            severities=(Severity.INFO, Severity.WARNING),
        ),
        Rule(
            evaluation.RISING,
            evaluation.RISING_ACTION,
            "run",
            "max_val_loss_increase",
            resolves="the validation loss does not rise from one evaluation to the next",
            severities=(Severity.INFO, Severity.WARNING),
        ),
        Rule(
            diagnosis.PLATEAU,
            diagnosis.PLATEAU_ACTION,
            "run",
            resolves="the training or the validation loss moves again",
            severities=(Severity.INFO,),
        ),
        Rule(
            learning.FAST_FALL,
            learning.FAST_FALL_ACTION,
            "run",
            resolves="the training loss falls again",
            unit="%",
            severities=(Severity.INFO,),
        ),
        Rule(
            diagnosis.EARLY_STOP,
            diagnosis.EARLY_STOP_ACTION,
            "run",
            resolves="the validation loss improves by more than 0.01",
            severities=(Severity.INFO,),
        ),
        Rule(
            stability.SPIKE, stability.SPIKE_ACTION, "run", event=True, severities=(Severity.INFO,)
        ),
        Rule(life.FAILED, life.FAILED_ACTION, "run", event=True, severities=(Severity.CRITICAL,)),
        Rule(
            life.INCOMPLETE,
            life.INCOMPLETE_ACTION,
            "run",
            event=True,
            severities=(Severity.WARNING,),
        ),
        Rule(
            life.STALLED,
            life.STALLED_ACTION,
            "run",
            resolves="the run logs anything again",
            unit="s",
            severities=(Severity.CRITICAL,),
        ),
        Rule(
            life.TOO_LONG,
            life.TOO_LONG_ACTION,
            "run",
            "max_training_time_hours",
            resolves="the limit is raised above the time trained",
            unit="h",
            repeat_every=86_400.0,
            severities=(Severity.WARNING,),
        ),
        *machines.RULES,
    )
}
"""Every rule by name, in the order in which people read them."""

ON_RECORD: tuple[RunJudge, ...] = (
    nonfinite.judge,
    loss_increase.judge,
    epoch_loss.judge,
    evaluation.judge_gap,
    evaluation.judge_rising,
    diagnosis.judge_trends,
    diagnosis.judge_early_stop,
    stability.judge_unstable,
    stability.judge_spike,
    learning.judge_gradients,
    learning.judge_underfit,
    learning.judge_fast_fall,
)
"""Judged at every record of a run, and once more when it ends."""

ON_TIME: tuple[RunJudge, ...] = (life.judge_stalled, life.judge_training_time)
"""Judged as time passes."""

ON_END: tuple[RunJudge, ...] = (epoch_loss.judge, life.judge_end)
"""Judged once when a run has ended."""


def threshold(rule: str, limits: Limits) -> float | None:
    """Return the user's number for a rule; None where it is absent or the rule needs none."""
    name = RULES[rule].threshold
    found = getattr(limits.thresholds, name) if name else None
    return None if found is None else float(found)


def is_on(rule: str, limits: Limits) -> bool:
    """Tell whether a rule judges at all under these limits."""
    has_number = not RULES[rule].threshold or threshold(rule, limits) is not None
    return has_number and limits.rules.tuning(rule).enabled
