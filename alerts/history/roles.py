"""Which logged metric plays which part: training loss, validation losses, epoch, and so on."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable

from alerts.thresholds import MetricNames

CLOSING_LOSS = "train_loss"
"""The Trainer's closing summary: the mean of the whole run, unless it is logged repeatedly."""
CLOSING_RUNTIME = "train_runtime"
_EVAL_SET = re.compile(r"eval_(.+)_loss")
DEFAULT_EVAL_SET = ""


class Roles:
    """The parts that metric names can play, by the user's configuration."""

    def __init__(self, names: MetricNames) -> None:
        self.loss = names.loss
        self.eval_loss = names.eval_loss
        self.grad_norm = names.grad_norm
        self.learning_rate = names.learning_rate
        self.epoch = names.epoch
        self._known = frozenset(
            (*names.loss, *names.eval_loss, *names.grad_norm, *names.learning_rate, *names.epoch)
        ) | {CLOSING_LOSS, CLOSING_RUNTIME}

    def plays(self, metric: str) -> bool:
        """Tell whether any rule looks at this metric."""
        return metric in self._known or self.eval_set(metric) is not None

    def eval_set(self, metric: str) -> str | None:
        """Return the name of the validation set whose loss this is ("" for the only one)."""
        if metric in self.eval_loss:
            return DEFAULT_EVAL_SET
        found = _EVAL_SET.fullmatch(metric)
        return found.group(1) if found else None


def first_present(candidates: Iterable[str], present: Iterable[str]) -> str | None:
    """Return the first candidate that is present."""
    there = set(present)
    return next((name for name in candidates if name in there), None)


def as_logged(value: float) -> float:
    """Undo the SQL stores' spelling of infinity, the largest double.

    MLflow's SQLAlchemy store keeps +Inf and -Inf as +-1.7976931348623157e308.
    """
    return math.copysign(math.inf, value) if abs(value) >= sys.float_info.max else value
