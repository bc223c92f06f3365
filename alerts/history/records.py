"""What a run logged at one instant, by the parts its metrics play."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from alerts.history.roles import CLOSING_LOSS, CLOSING_RUNTIME, Roles, as_logged
from alerts.model import MetricPoint


@dataclass(frozen=True, slots=True)
class Record:
    """The values of one step logged at one time (Unix seconds); None was not logged.

    An epoch is finite: another one is no epoch.
    """

    step: int
    time: float
    loss: float | None = None
    grad_norm: float | None = None
    learning_rate: float | None = None
    epoch: float | None = None
    evals: Mapping[str, float] = field(default_factory=dict)
    closing: bool = False

    def eval_loss(self, eval_set: str) -> float | None:
        """Return the loss of one validation set."""
        return self.evals.get(eval_set)


def in_order(points: Iterable[MetricPoint]) -> list[MetricPoint]:
    """Return the points by (time, step), the order in which rules take them."""
    return sorted(points, key=lambda point: (point.time, point.step, point.metric))


def records(points: Iterable[MetricPoint], roles: Roles, loss_name: str | None) -> Iterator[Record]:
    """Group ordered points that were logged together; `loss_name` is the run's training loss."""
    for (time, step), group in groupby(points, key=lambda point: (point.time, point.step)):
        values: dict[str, float] = {}
        for point in group:
            values.setdefault(point.metric, as_logged(point.value))
        yield _record(step, time, values, roles, loss_name)


def _record(
    step: int, time: float, values: Mapping[str, float], roles: Roles, loss_name: str | None
) -> Record:
    def first(names: Iterable[str]) -> float | None:
        return next((values[name] for name in names if name in values), None)

    epoch = first(roles.epoch)
    evals: dict[str, float] = {}
    for metric in (*roles.eval_loss, *values):
        eval_set = roles.eval_set(metric)
        if metric in values and eval_set is not None:
            evals.setdefault(eval_set, values[metric])
    return Record(
        step=step,
        time=time,
        loss=values.get(loss_name) if loss_name else None,
        grad_norm=first(roles.grad_norm),
        learning_rate=first(roles.learning_rate),
        epoch=epoch if epoch is not None and math.isfinite(epoch) else None,
        evals=evals,
        closing=CLOSING_LOSS in values and CLOSING_RUNTIME in values and loss_name != CLOSING_LOSS,
    )
