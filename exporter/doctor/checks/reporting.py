"""Whether MLflow hears of the run, and often enough."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.config import Config
from exporter.doctor.checks.check import error, note, warning
from exporter.doctor.finding import Remark, shown
from exporter.doctor.schedule import STRATEGIES, eval_steps, eval_strategy, validates
from exporter.doctor.training import Training

FEW_POINTS = 100
"""Steps between two records beyond which curves are too coarse to judge."""


def report_to(training: Training, _config: Config) -> Iterator[Remark]:
    """Transformers 5 reports to nobody by default, and 4 to whatever is installed."""
    if training.is_unknown("report_to"):
        return
    place, value = training.at("report_to"), training.value("report_to")
    names = [str(one).lower() for one in (value if isinstance(value, list) else [value])]
    if not training.has("report_to"):
        what = "report_to is missing, so the version of Transformers decides who is told"
        yield error(place, what, "set 'report_to: mlflow'")
    elif names == ["all"]:
        what = "report_to is 'all', which is MLflow only where the image has it"
        yield warning(place, what, "set 'report_to: mlflow'")
    elif "mlflow" not in names:
        what = f"report_to is {shown(', '.join(names))!r}, so nothing reaches MLflow"
        yield error(place, what, "set 'report_to: mlflow'")
    elif training.text("stage") == "ppo":
        what = "in stage ppo LLaMA-Factory reports to wandb and tensorboard only"
        yield error(place, what, "tunewatch cannot watch this run: watch its log")
    if (training.environment.value("DISABLE_MLFLOW_INTEGRATION") or "").lower() in ("true", "1"):
        variable = training.environment.get("DISABLE_MLFLOW_INTEGRATION")
        at = variable.place if variable else place
        yield error(at, "DISABLE_MLFLOW_INTEGRATION keeps MLflow out", "remove the variable")


def logging_steps(training: Training, _config: Config) -> Iterator[Remark]:
    """Every rule reads what was logged; the default is one record in 500 steps."""
    strategy = training.text("logging_strategy")
    place = training.at("logging_steps", "logging_strategy")
    if strategy == "no":
        yield error(place, "logging_strategy is 'no', so no loss is logged", "set it to 'steps'")
    elif strategy == "epoch":
        what = "logging_strategy is 'epoch': most rules need more than a record per epoch"
        yield warning(place, what, "set 'logging_strategy: steps' and 'logging_steps: 10'")
    elif strategy and strategy not in STRATEGIES:
        what = f"the Trainer has no logging_strategy '{shown(strategy)}'"
        yield error(place, what, f"use one of {', '.join(STRATEGIES)}")
    if strategy != "steps" or training.is_unknown("logging_steps"):
        return
    steps = training.number("logging_steps")
    if not training.has("logging_steps"):
        what = "logging_steps is missing, and the default is one record in 500 steps"
        yield warning(place, what, "set 'logging_steps: 10'")
    elif steps is not None and steps <= 0:
        yield error(place, "logging_steps must be above 0", "set 'logging_steps: 10'")
    elif steps is not None and steps > FEW_POINTS:
        what = f"logging_steps is {steps:g}, so a fault is seen hundreds of steps late"
        yield warning(place, what, "set 'logging_steps: 10'")


def logging_first_step(training: Training, _config: Config) -> Iterator[Remark]:
    """The first loss is what later ones are compared with."""
    if training.value("logging_first_step") is False:
        what = "logging_first_step is off, so the loss before any learning is not known"
        yield warning(training.at("logging_first_step"), what, "set 'logging_first_step: true'")


def logging_beside_evaluation(training: Training, _config: Config) -> Iterator[Remark]:
    """The gap of the two losses compares an evaluation with the records since the one before."""
    every, logged = eval_steps(training), training.number("logging_steps")
    both = eval_strategy(training) == training.text("logging_strategy") == "steps"
    if not validates(training) or not both or every is None or logged is None:
        return
    # Shares of the run are compared with shares only.
    if logged > every and (every >= 1) == (logged >= 1):
        what = (
            f"logging_steps ({logged:g}) is above eval_steps ({every:g}): some evaluations have no "
            "training loss to be compared with"
        )
        place = training.at("logging_steps", "eval_steps")
        yield warning(place, what, f"set 'logging_steps: {max(1, int(every) // 10)}'")


def nan_filter(training: Training, _config: Config) -> Iterator[Remark]:
    """The Trainer hides NaN losses by default."""
    clips = training.number("max_grad_norm")
    filtered = training.value("logging_nan_inf_filter") is True
    place = training.at("logging_nan_inf_filter", "max_grad_norm")
    if clips is not None and clips <= 0 and filtered:
        what = (
            "the Trainer hides NaN losses (logging_nan_inf_filter), and without clipping "
            "(max_grad_norm) Transformers before 5 logs no grad_norm that would tell"
        )
        yield warning(place, what, "set 'max_grad_norm: 1.0' or 'logging_nan_inf_filter: false'")
    elif filtered:
        what = (
            "the Trainer replaces NaN losses by the mean of those before "
            "(logging_nan_inf_filter): 'nonfinite' tells by grad_norm, and by losses of exactly 0.0"
        )
        yield note(place, what, "set 'logging_nan_inf_filter: false' to see them in MLflow too")
