"""Which checkpoints there are when an alert says: go back to the best one."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.config import Config
from exporter.doctor.checks.check import error, note, warning
from exporter.doctor.finding import Remark, shown
from exporter.doctor.schedule import eval_steps, eval_strategy, schedule
from exporter.doctor.training import Training

STRATEGIES = ("no", "steps", "epoch", "best")
MANY_EVALUATIONS = 20
GENERATED = ("rouge", "bleu")


def checkpoints(training: Training, _config: Config) -> Iterator[Remark]:
    """Alerts name the checkpoint to go back to; there has to be one."""
    strategy, place = training.text("save_strategy"), training.at("save_strategy")
    if strategy == "no":
        what = "save_strategy is 'no', so there is no checkpoint to go back to"
        yield warning(place, what, "set 'save_strategy: steps' and 'save_steps: 100'")
        return
    if strategy and strategy not in STRATEGIES:
        what = f"the Trainer has no save_strategy '{shown(strategy)}'"
        yield error(place, what, f"use one of {', '.join(STRATEGIES)}")
    if strategy == "steps" and not training.has("save_strategy"):
        yield note(place, "save_strategy is missing, and the default is 'steps'", "write it")
    if strategy == "steps" and not training.has("save_steps"):
        what = "save_steps is missing, and the default is a checkpoint every 500 steps"
        yield warning(place, what, "set 'save_steps' to eval_steps or a multiple of it")
    if not training.has("save_total_limit"):
        what = "save_total_limit is missing, so checkpoints stay until the disk is full"
        yield warning(training.at("save_steps", "save_strategy"), what, "set 'save_total_limit: 3'")


def best_model(training: Training, _config: Config) -> Iterator[Remark]:
    """Loading the best model wants a checkpoint at an evaluation."""
    if not training.is_on("load_best_model_at_end"):
        return
    place = training.at("load_best_model_at_end")
    evaluates, saves = eval_strategy(training), training.text("save_strategy")
    if training.text("stage") in ("rm", "ppo"):
        what = f"in stage {training.text('stage')} LLaMA-Factory refuses load_best_model_at_end"
        yield error(place, what, "leave it out")
    if saves == "best" or "" in (evaluates, saves):
        return
    if evaluates != saves:
        what = (
            f"load_best_model_at_end needs save_strategy ('{shown(saves)}') to be eval_strategy "
            f"('{shown(evaluates)}')"
        )
        wanted = evaluates if evaluates in STRATEGIES[1:3] else "steps"
        remedy = f"set both to '{wanted}'"
        yield error(training.at("save_strategy", "load_best_model_at_end"), what, remedy)
        return
    every, saved = eval_steps(training), training.number("save_steps")
    if evaluates == "steps" and every and saved and not _is_multiple(saved, every):
        what = (
            f"load_best_model_at_end needs save_steps ({saved:g}) to be a multiple of eval_steps "
            f"({every:g})"
        )
        at = training.at("save_steps", "load_best_model_at_end")
        yield error(at, what, f"set 'save_steps: {every:g}'")


def _is_multiple(saved: float, every: float) -> bool:
    if (saved < 1) != (every < 1):
        return False
    # As the Trainer has it, so that shares such as 0.3 and 0.1 are whole.
    return round(saved * 1_000_000) % round(every * 1_000_000) == 0 if every >= 1e-6 else True


def best_metric(training: Training, _config: Config) -> Iterator[Remark]:
    """What is best must be logged, and be the lower or the greater of two as it should."""
    if not training.has("metric_for_best_model"):
        loads = training.value("load_best_model_at_end")
        if training.text("save_strategy") == "best" and loads is False:
            what = "save_strategy 'best' needs to know what is best"
            remedy = "set 'metric_for_best_model: eval_loss'"
            yield error(training.at("save_strategy"), what, remedy)
        return
    if training.is_unknown("metric_for_best_model"):
        return
    name = training.text("metric_for_best_model").removeprefix("eval_")
    yield from _direction(training, name)
    yield from _logged(training, name)
    uses = ("load_best_model_at_end", "early_stopping_steps")
    if not any(map(training.has, uses)) and training.text("save_strategy") != "best":
        what = "metric_for_best_model has no effect without load_best_model_at_end"
        remedy = "set 'load_best_model_at_end: true', or leave it out"
        yield note(training.at("metric_for_best_model"), what, remedy)


def _direction(training: Training, name: str) -> Iterator[Remark]:
    greater, place = training.value("greater_is_better"), training.at("greater_is_better")
    rises = name.startswith(("accuracy", *GENERATED))
    for wrong, applies in ((True, name.endswith("loss")), (False, rises)):
        if applies and greater is wrong:
            word, right = str(wrong).lower(), str(not wrong).lower()
            what = (
                f"greater_is_better is {word} for {shown(name)}: the worst model would be the best"
            )
            yield error(place, what, f"set 'greater_is_better: {right}'")


def _logged(training: Training, name: str) -> Iterator[Remark]:
    place = training.at("metric_for_best_model")
    for names, switch in (
        (("accuracy",), "compute_accuracy"),
        (GENERATED, "predict_with_generate"),
    ):
        if (
            name.startswith(names)
            and not training.is_on(switch)
            and not training.is_unknown(switch)
        ):
            what = f"nothing logs eval_{shown(name)} without {switch}"
            yield error(place, what, "set 'metric_for_best_model: eval_loss'")


def early_stopping(training: Training, _config: Config) -> Iterator[Remark]:
    """`early_stopping_steps` counts evaluations, and needs to know what is best."""
    if not training.has("early_stopping_steps"):
        return
    place, wait = training.at("early_stopping_steps"), training.number("early_stopping_steps")
    if eval_strategy(training) == "no":
        what = "early stopping refuses to start without evaluations"
        yield error(place, what, "set 'eval_strategy: steps' and 'eval_steps: 100'")
    if training.value("load_best_model_at_end") is False:
        if not training.has("metric_for_best_model"):
            what = "early stopping refuses to start without metric_for_best_model"
            yield error(place, what, "set 'load_best_model_at_end: true'")
        else:
            what = (
                "early stopping without load_best_model_at_end keeps the last model, not the best"
            )
            yield warning(place, what, "set 'load_best_model_at_end: true'")
    most = schedule(training).evaluations
    if wait is not None and most and wait >= most:
        what = f"early_stopping_steps is {wait:g}, but the run evaluates at most {most} times"
        yield warning(place, what, "set 'early_stopping_steps: 3'")
    elif wait is not None and wait > MANY_EVALUATIONS:
        what = f"early_stopping_steps counts evaluations, not steps: it waits for {wait:g} of them"
        yield warning(place, what, "set 'early_stopping_steps: 3'")
