"""How often a training evaluates and logs, as far as its configuration tells.

All numbers are upper bounds: a run on several GPUs, or one that stops early, has fewer steps.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from exporter.doctor.training import Training

STRATEGIES = ("no", "steps", "epoch")


class Schedule(NamedTuple):
    """At most so many of each; None where the configuration does not bound it."""

    steps: int | None
    epochs: float | None
    evaluations: int | None
    points: int | None
    """Records of the training loss."""


def schedule(training: Training) -> Schedule:
    """Return what a configuration bounds."""
    steps = _steps(training)
    epochs = None if _max_steps(training) else training.number("num_train_epochs")
    return Schedule(
        steps, epochs, _evaluations(training, steps, epochs), _points(training, steps, epochs)
    )


def eval_strategy(training: Training) -> str:
    """Return when a run evaluates, by the new name of the key or the old one; empty if unknown."""
    key = "eval_strategy" if training.has("eval_strategy") else "evaluation_strategy"
    return training.text(key) if training.has(key) else "no"


def has_validation_set(training: Training) -> bool:
    """Whether there is anything to evaluate on, or may be."""
    if training.has("eval_dataset") or training.is_unknown("val_size"):
        return True
    size = training.number("val_size")
    return size is not None and size > 0


def validates(training: Training) -> bool:
    """Whether a run logs a validation loss while it trains, or may: what is unknown may."""
    strategy = eval_strategy(training)
    # Generated text is compared with the labels, and no loss is computed.
    has_loss = not training.is_on("predict_with_generate")
    return has_validation_set(training) and strategy != "no" and has_loss


def eval_steps(training: Training) -> float | None:
    """Return the steps between two evaluations, below 1 the share of the run; None if unknown."""
    if training.is_unknown("eval_steps"):
        return None
    given = training.number("eval_steps")
    found = given or training.number("logging_steps")
    return found if found and found > 0 else None


def _max_steps(training: Training) -> int | None:
    """Return the limit of steps, which makes the Trainer ignore the epochs."""
    limit = training.number("max_steps")
    return int(limit) if limit and limit > 0 else None


def _steps(training: Training) -> int | None:
    limit = _max_steps(training)
    if limit is not None:
        return limit
    samples, epochs = _samples(training), training.number("num_train_epochs")
    batch = training.number("per_device_train_batch_size")
    accumulation = training.number("gradient_accumulation_steps")
    if samples is None or epochs is None or not batch or not accumulation:
        return None
    per_step = max(1.0, batch) * max(1.0, accumulation)
    return (
        None
        if training.is_unknown("max_steps")
        else math.ceil(epochs * math.ceil(samples / per_step))
    )


def _samples(training: Training) -> float | None:
    """Return the most training samples, where `max_samples` limits every dataset."""
    limit, names = training.number("max_samples"), training.value("dataset")
    is_mixed = training.has("mix_strategy") and training.text("mix_strategy") != "concat"
    if limit is None or not isinstance(names, str) or is_mixed:
        return None
    return limit * len(names.split(","))


def _evaluations(training: Training, steps: int | None, epochs: float | None) -> int | None:
    """Return the most evaluations; the one that LLaMA-Factory makes afterwards is another run."""
    if not validates(training):
        return 0
    first = 1 if training.value("eval_on_start") not in (None, False) else 0
    strategy = eval_strategy(training)
    if strategy == "epoch":
        return None if epochs is None else math.ceil(epochs) + first
    every = eval_steps(training)
    if strategy != "steps" or every is None:
        return None
    if every < 1:
        return _times(every) + first
    if steps is None:
        return None
    delay = training.number("eval_delay") or 0
    return max(0, steps // int(every) - max(0, math.ceil(delay / every) - 1)) + first


def _times(share: float) -> int:
    """Return how often a share of the run fits into it."""
    return math.floor(1 / max(share, 1e-9) + 1e-9)


def _points(training: Training, steps: int | None, epochs: float | None) -> int | None:
    strategy, every = training.text("logging_strategy"), training.number("logging_steps")
    if strategy == "no":
        return 0
    if strategy == "epoch":
        return None if epochs is None else math.ceil(epochs) + 1
    if every is None or every <= 0:
        return None
    first = 1 if training.value("logging_first_step") is not False else 0
    if every < 1:
        return _times(every) + first
    return None if steps is None else steps // int(every) + first
