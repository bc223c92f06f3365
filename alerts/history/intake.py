"""The door of a run's history: which points are new, which are late, which name is the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

from alerts.history.records import Record, in_order, records
from alerts.history.roles import CLOSING_LOSS, Roles, first_present
from alerts.model import MetricPoint

MAX_EVAL_SETS = 16
"""More validation sets than this are ignored: a metric per sample is no validation set."""


class Cursor(NamedTuple):
    """The point of one metric taken in last; the highest step and the latest time it ever had."""

    time: float
    step: int
    highest: int
    latest: float

    def is_behind(self, point: MetricPoint) -> bool:
        """Tell whether a point is news.

        A higher step than ever is, whatever the trainer's clock says; so is a later time than ever,
        whatever the step.
        """
        return point.step > self.highest or (point.time, point.step) > (self.latest, self.step)


@dataclass(frozen=True, slots=True)
class Admitted:
    """Points that are new; and points that are not ahead of what was judged of their metric.

    Both are in order of time.
    """

    fresh: tuple[Record, ...]
    late: tuple[Record, ...]


class Intake:
    """Admits each point once; keeps one cursor per metric, by the trainer's clock."""

    def __init__(self, roles: Roles) -> None:
        self.roles = roles
        self.loss_name: str | None = None
        self.eval_name: str | None = None
        """Which name this run has for the loss of its only, or nameless, validation set."""
        self.cursors: dict[str, Cursor] = {}
        self._closing: MetricPoint | None = None
        self._ordinal: int | None = 0
        """How many training losses came, while every one of them had step 0; else None."""

    def admit(self, points: Iterable[MetricPoint]) -> Admitted:
        """Sort out what is new, late, repeated, or of no interest to any rule."""
        counted = self._ordinal
        ours = in_order(point for point in points if self.roles.plays(point.metric))
        fresh: list[MetricPoint] = []
        late: list[MetricPoint] = []
        for point in ours:
            (fresh if self._advances(point) else late).append(point)
        # Instant by instant, so that it makes no difference how many come at once.
        admitted = [
            record
            for _, instant in groupby(fresh, key=lambda point: point.time)
            for record in self._records(self._settle_names(list(instant)))
        ]
        return Admitted(
            tuple(map(self._with_ordinal, admitted)),
            tuple(_counted_back(list(self._records(late)), counted)),
        )

    def names(self, plays: Callable[[str], bool]) -> list[str]:
        """Return the metrics taken in that play a part."""
        return [metric for metric in self.cursors if plays(metric)]

    def is_of(self, eval_set: str, metric: str) -> bool:
        """Tell whether this run's losses of a validation set have this name."""
        return self.roles.eval_set(metric) == eval_set and metric not in self._passed_over

    @property
    def _passed_over(self) -> set[str]:
        return {*self.roles.eval_loss} - {self.eval_name}

    def _advances(self, point: MetricPoint) -> bool:
        """Tell whether a point is ahead of its metric's cursor, and move the cursor there."""
        highest, latest = point.step, point.time
        cursor = self.cursors.get(point.metric)
        if cursor is not None:
            if not cursor.is_behind(point):
                return False
            highest, latest = max(highest, cursor.highest), max(latest, cursor.latest)
        elif self._is_one_set_too_many(point.metric):
            return False
        self.cursors[point.metric] = Cursor(point.time, point.step, highest, latest)
        return True

    def _is_one_set_too_many(self, metric: str) -> bool:
        eval_set = self.roles.eval_set(metric)
        others = {self.roles.eval_set(name) for name in self.cursors} - {None, eval_set}
        return eval_set is not None and len(others) >= MAX_EVAL_SETS

    def _records(self, points: Iterable[MetricPoint]) -> Iterable[Record]:
        """Group points into records, without the names that this run's validation loss has not."""
        passed_over = self._passed_over
        kept = [point for point in points if point.metric not in passed_over]
        return records(kept, self.roles, self.loss_name)

    def _settle_names(self, instant: list[MetricPoint]) -> list[MetricPoint]:
        """Settle once which metrics are the losses; return the points to take in now.

        `train_loss` is the Trainer's closing mean, unless it comes twice and nothing better does.
        """
        present = {point.metric for point in instant}
        if self.eval_name is None:
            self.eval_name = first_present(self.roles.eval_loss, present)
        if self.loss_name is not None:
            return instant
        self.loss_name = first_present(self.roles.loss, present)
        closings = [point for point in instant if point.metric == CLOSING_LOSS]
        if self.loss_name is None and closings:
            if self._closing is not None:
                closings = [self._closing, *closings]
                instant = in_order([self._closing, *instant])
            if len(closings) > 1:
                self.loss_name = CLOSING_LOSS
            self._closing = closings[0] if self.loss_name is None else None
        return instant

    def _with_ordinal(self, record: Record) -> Record:
        """Number the records of a run that logs everything at step 0 by their training points."""
        numbered, self._ordinal = _numbered(record, self._ordinal)
        return numbered

    @property
    def counts_steps(self) -> bool:
        """Whether the run logs everything at step 0, so that its training losses are counted."""
        return bool(self._ordinal)

    def to_document(self) -> dict[str, Any]:
        """Return plain data for the state document."""
        return {
            "loss_name": self.loss_name,
            "eval_name": self.eval_name,
            "cursors": {name: _dump(cursor) for name, cursor in self.cursors.items()},
            "closing": list(self._closing) if self._closing else None,
            "ordinal": self._ordinal,
        }

    def restore(self, document: dict[str, Any]) -> None:
        """Take over what `to_document` gave."""
        self.loss_name = document["loss_name"]
        self.eval_name = document["eval_name"]
        self.cursors = {name: _load(*cursor) for name, cursor in document["cursors"].items()}
        self._closing = MetricPoint(*document["closing"]) if document["closing"] else None
        self._ordinal = document["ordinal"]


def _numbered(record: Record, ordinal: int | None) -> tuple[Record, int | None]:
    """Return a record with its ordinal for a step, and how many training losses there were then."""
    if ordinal is None:
        return record, None
    if record.step != 0:
        return record, None if record.loss is not None else ordinal
    if record.loss is not None:
        ordinal += 1
    return replace(record, step=max(0, ordinal - 1)), ordinal


def _counted_back(records: Sequence[Record], ordinal: int | None) -> Iterator[Record]:
    """Number the last records of those that were taken in, up to the training loss `ordinal`."""
    if ordinal is not None:
        ordinal -= sum(1 for record in records if record.loss is not None and record.step == 0)
    for record in records:
        numbered, ordinal = _numbered(record, ordinal)
        yield numbered


def _dump(cursor: Cursor) -> list[float]:
    """Return what `_load` takes: the highest step and the latest time only where they differ."""
    ahead = (cursor.highest, cursor.latest) != (cursor.step, cursor.time)
    return list(cursor) if ahead else list(cursor[:2])


def _load(
    time: float, step: int, highest: int | None = None, latest: float | None = None
) -> Cursor:
    return Cursor(
        time, step, step if highest is None else highest, time if latest is None else latest
    )
