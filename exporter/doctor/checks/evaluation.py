"""Whether the run validates, how often, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.config import Config
from exporter.doctor.checks.check import error, note, warning
from exporter.doctor.finding import Remark, shown
from exporter.doctor.schedule import STRATEGIES, eval_strategy, has_validation_set
from exporter.doctor.training import Training

LARGE_SHARE = 0.5
DEFAULT_BATCH = 8


def validation_set(training: Training, _config: Config) -> Iterator[Remark]:
    """Without data to validate on, no rule about overfitting can work."""
    size, place = training.number("val_size"), training.at("val_size", "eval_dataset")
    if training.has("eval_dataset") and size:
        what = "LLaMA-Factory refuses val_size beside eval_dataset"
        yield error(place, what, "leave out 'val_size'")
    elif not has_validation_set(training):
        given = (
            f"val_size is {shown(training.value('val_size'))}"
            if training.has("val_size")
            else ("val_size is missing")
        )
        what = f"{given}, so there is no validation loss"
        yield error(place, what, "set 'val_size: 0.05', or name an 'eval_dataset'")
    elif size is not None and LARGE_SHARE < size < 1:
        what = f"val_size takes {size:.0%} of the data away from training"
        yield warning(place, what, "set 'val_size: 0.05', or a number of examples")
    elif size is not None and 0 < size < 1 and training.is_on("streaming"):
        what = "LLaMA-Factory takes a share of the data as val_size only without streaming"
        yield error(place, what, "set 'val_size' to a number of examples")


def strategy(training: Training, _config: Config) -> Iterator[Remark]:
    """Evaluations in steps come often enough to be counted."""
    place = training.at("eval_strategy", "evaluation_strategy")
    if training.has("evaluation_strategy"):
        at = training.at("evaluation_strategy")
        what = "'evaluation_strategy' was renamed, and Transformers of today refuse it"
        yield error(at, what, f"write 'eval_strategy: {shown(eval_strategy(training))}'")
    found = eval_strategy(training)
    if found == "no":
        given = "is 'no'" if training.has("eval_strategy") else "is missing"
        what = f"eval_strategy {given}, so nothing is validated while the run trains"
        yield error(place, what, "set 'eval_strategy: steps' and 'eval_steps: 100'")
    elif found == "epoch":
        what = "eval_strategy is 'epoch': rules that count evaluations need as many epochs"
        yield warning(place, what, "set 'eval_strategy: steps' and 'eval_steps: 100'")
    elif found and found not in STRATEGIES:
        what = f"the Trainer has no eval_strategy '{shown(found)}'"
        yield error(place, what, f"use one of {', '.join(STRATEGIES)}")


def steps(training: Training, _config: Config) -> Iterator[Remark]:
    """`eval_steps` goes with `eval_strategy: steps`, and only with that."""
    found = eval_strategy(training)
    if found == "steps" and not training.has("eval_steps"):
        what = "eval_steps is missing, so the Trainer evaluates at every logging_steps"
        yield warning(training.at("eval_strategy"), what, "set 'eval_steps: 100'")
    given = training.number("eval_steps")
    if given is not None and given <= 0:
        what = f"eval_steps is {given:g}"
        yield error(training.at("eval_steps"), what, "set 'eval_steps: 100'")
    elif training.has("eval_steps") and found in ("no", "epoch"):
        what = f"eval_steps has no effect while eval_strategy is '{found}'"
        yield warning(training.at("eval_steps"), what, "set 'eval_strategy: steps'")


def batch_size(training: Training, _config: Config) -> Iterator[Remark]:
    """The default of 8 is often more than fits, and memory runs out at the first evaluation."""
    if not has_validation_set(training) or training.is_unknown("per_device_eval_batch_size"):
        return
    train = training.number("per_device_train_batch_size") or DEFAULT_BATCH
    if not training.has("per_device_eval_batch_size"):
        times = (
            f", {DEFAULT_BATCH / train:g} times that of training" if train < DEFAULT_BATCH else ""
        )
        what = f"per_device_eval_batch_size is missing, and the default is {DEFAULT_BATCH}{times}"
        place = training.at("per_device_train_batch_size")
        yield warning(place, what, f"set 'per_device_eval_batch_size: {train:g}'")


def metrics(training: Training, _config: Config) -> Iterator[Remark]:
    """`compute_accuracy` and `predict_with_generate` have a price, and exclude each other."""
    accuracy, generates = map(training.is_on, ("compute_accuracy", "predict_with_generate"))
    place = training.at("predict_with_generate", "compute_accuracy")
    if accuracy and generates:
        what = "LLaMA-Factory refuses predict_with_generate beside compute_accuracy"
        yield error(place, what, "leave out 'predict_with_generate'")
    elif generates and training.text("stage") != "sft":
        what = "LLaMA-Factory generates in stage sft only"
        yield error(place, what, "leave out 'predict_with_generate'")
    elif generates:
        what = (
            "predict_with_generate writes every answer out, which takes many times as long, and "
            "no validation loss is computed beside it"
        )
        yield error(place, what, "leave it out here, and generate after training ('do_predict')")
    elif accuracy:
        what = "compute_accuracy keeps a prediction for every token of the validation set"
        remedy = "keep val_size small, or set 'eval_accumulation_steps: 10', if memory runs out"
        yield note(training.at("compute_accuracy"), what, remedy)
