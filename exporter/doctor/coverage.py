"""Rules that could never fire with a configuration, whatever the run does.

Only what is certain is said: where the length of a run is not known, its rules are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from alerts.rules import RULES, is_on
from alerts.rules.diagnosis import EARLY_STOP, ONSET, OVERFITTING, PATIENCE, PLATEAU
from alerts.rules.epoch_loss import NAME as STALL
from alerts.rules.evaluation import GAP, RISING
from alerts.rules.learning import EXPLODING, FAST_FALL, GRAD_WIDTH, LEAST_POINTS, UNDERFIT
from alerts.rules.life import TOO_LONG
from alerts.rules.loss_increase import NAME as INCREASE
from alerts.rules.stability import SPIKE, SPIKE_BASE
from alerts.rules.trend import LOOKBACK
from alerts.thresholds import Limits
from exporter.attribution.join import NAMESPACE_TAG, POD_TAG
from exporter.config import Config
from exporter.doctor.checks.tags import NAME as TAGS
from exporter.doctor.finding import Level, Place, Remark
from exporter.doctor.schedule import Schedule, eval_strategy, has_validation_set, schedule
from exporter.doctor.training import Training

NAME = "never-fires"
LEVEL = Level.WARNING
ASKS = "thresholds and rules that could never fire with this configuration"
IDLE = "gpu_idle_while_training"
FAST_FALL_POINTS = 20
COMPARED_EPOCHS = 2
"""Rules that compare two epochs take a third one that has begun: the last of a run is excused."""


class _Reason(NamedTuple):
    """Why a rule is silent; `needs` is the number that it takes of what there is too little."""

    place: Place
    why: str
    remedy: str
    needs: int = 0


class _Needs(NamedTuple):
    """The least that a rule needs before it can fire."""

    evaluations: int = 0
    points: int = 0
    more_epochs_than: int = 0


def never(training: Training, config: Config) -> Iterator[Remark]:
    """Yield a remark for every reason that silences rules; the user's thresholds are warnings."""
    limits = Limits(config.thresholds, config.rules)
    found: dict[tuple[Place, str], dict[str, _Reason]] = {}
    for rule in RULES:
        if is_on(rule, limits) and (reason := _reason(rule, training, limits)):
            found.setdefault((reason.place, reason.why), {})[rule] = reason
    for reasons in found.values():
        yield _remark(reasons)


def _remark(reasons: Mapping[str, _Reason]) -> Remark:
    names = [RULES[rule].threshold or rule for rule in reasons]
    level = Level.WARNING if any(RULES[rule].threshold for rule in reasons) else Level.NOTE
    hardest = max(reasons.values(), key=lambda reason: reason.needs)
    least = min(reason.needs for reason in reasons.values())
    number = f"{hardest.needs}" if least == hardest.needs else f"{least} to {hardest.needs}"
    takes = f" of the {number} that it takes" if hardest.needs else ""
    what = f"{', '.join(names)} can never fire: {hardest.why}{takes}"
    return Remark(hardest.place, level, what, hardest.remedy)


def _reason(rule: str, training: Training, limits: Limits) -> _Reason | None:
    if rule in _OTHERS:
        return _OTHERS[rule](training, limits)
    needs, bounds = _needs(limits).get(rule), schedule(training)
    if needs is None:
        return None
    return (
        _too_few_evaluations(needs.evaluations, training, bounds)
        or _too_few_epochs(needs.more_epochs_than, training, bounds)
        or _too_few_points(needs.points, training, bounds)
    )


def _needs(limits: Limits) -> Mapping[str, _Needs]:
    rises = limits.thresholds.max_val_loss_increase or 0
    return {
        INCREASE: _Needs(points=2),
        STALL: _Needs(points=2, more_epochs_than=COMPARED_EPOCHS),
        GAP: _Needs(evaluations=1, points=1),
        RISING: _Needs(evaluations=rises + 1),
        OVERFITTING: _Needs(evaluations=LOOKBACK, points=LOOKBACK),
        ONSET: _Needs(evaluations=LOOKBACK, points=LOOKBACK),
        PLATEAU: _Needs(evaluations=LOOKBACK, points=LOOKBACK),
        EARLY_STOP: _Needs(evaluations=PATIENCE + 1),
        UNDERFIT: _Needs(points=LEAST_POINTS),
        FAST_FALL: _Needs(points=FAST_FALL_POINTS, more_epochs_than=COMPARED_EPOCHS),
        EXPLODING: _Needs(points=GRAD_WIDTH + 1),
        SPIKE: _Needs(points=SPIKE_BASE // 2 + 2),
    }


def _too_few_evaluations(needed: int, training: Training, bounds: Schedule) -> _Reason | None:
    most = bounds.evaluations
    if most is None or most >= needed:
        return None
    place = training.at("eval_steps", "eval_strategy", "evaluation_strategy", "val_size")
    if most:
        why = f"there {'is' if most == 1 else 'are'} at most {most} evaluation{'s' * (most != 1)}"
        return _Reason(place, why, _more_evaluations(needed, bounds), needed)
    if training.is_on("predict_with_generate"):
        at = training.at("predict_with_generate")
        return _Reason(at, "no validation loss is computed beside generation", "leave that out")
    if not has_validation_set(training):
        at = training.at("val_size")
        return _Reason(at, "there is nothing to validate on", "set 'val_size: 0.05'")
    if eval_strategy(training) == "no":
        at = training.at("eval_strategy", "evaluation_strategy")
        return _Reason(
            at, "nothing is validated", "set 'eval_strategy: steps' and 'eval_steps: 100'"
        )
    return _Reason(place, "the run ends before its first evaluation", _more_evaluations(1, bounds))


def _more_evaluations(needed: int, bounds: Schedule) -> str:
    if bounds.steps is None or bounds.steps // (2 * needed) < 1:
        return "evaluate more often, with 'eval_strategy: steps'"
    return f"set 'eval_steps: {bounds.steps // (2 * needed)}' or less"


def _too_few_epochs(more_than: int, training: Training, bounds: Schedule) -> _Reason | None:
    most = bounds.epochs
    if not more_than or most is None or most > more_than:
        return None
    place = training.at("num_train_epochs")
    why = f"the run has {most:g} epoch{'s' * (most != 1)}"
    return _Reason(place, why, "train for so many, or do without", more_than + 1)


def _too_few_points(needed: int, training: Training, bounds: Schedule) -> _Reason | None:
    most = bounds.points
    if most is None or most >= needed:
        return None
    place = training.at("logging_steps", "logging_strategy")
    why = f"the training loss is logged at most {most} time{'s' * (most != 1)}"
    return _Reason(place, why, "set 'logging_steps' to a tenth of it, or 1", needed)


def _ends_before(training: Training, limits: Limits) -> _Reason | None:
    """Return the deadline of the job, where it comes before the limit on its time."""
    hours = limits.thresholds.max_training_time_hours
    workload = training.workload
    if hours is None or workload is None or workload.deadline is None:
        return None
    place, seconds = workload.deadline
    if seconds > 3600 * hours:
        return None
    why = f"Kubernetes ends the job after {seconds / 3600:g} h, before the limit of {hours:g} h"
    return _Reason(place, why, "lower the threshold, or raise activeDeadlineSeconds")


def _is_on_no_gpu(training: Training, _limits: Limits) -> _Reason | None:
    """Return the tags, where they do not join the run with any GPU."""
    workload, variable = training.workload, training.environment.get(TAGS)
    if workload is None or training.environment.unseen:
        return None
    if variable is not None and (
        variable.value is None or all(tag in variable.value for tag in (NAMESPACE_TAG, POD_TAG))
    ):
        return None
    place = variable.place if variable else workload.env_place
    why = "no tag says on which GPU the run trains"
    return _Reason(place, why, f"set {TAGS} with {NAMESPACE_TAG} and {POD_TAG}")


_OTHERS: Mapping[str, Callable[[Training, Limits], _Reason | None]] = {
    TOO_LONG: _ends_before,
    IDLE: _is_on_no_gpu,
}
