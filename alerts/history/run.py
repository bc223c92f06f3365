"""The history of one run: what its rules look at, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from alerts.history.curve import Curve
from alerts.history.epochs import Epochs
from alerts.history.evaluations import Evaluations
from alerts.history.finiteness import Finiteness
from alerts.history.intake import Intake
from alerts.history.means import OpenMean
from alerts.history.minima import Levels
from alerts.history.records import Record
from alerts.history.roles import Roles
from alerts.history.series import Point, Series
from alerts.history.silence import Silence
from alerts.history.upgrade import upgraded
from alerts.history.windows import Bookmark, Lookback, refill, windows
from alerts.model import Extremum, MetricPoint, RunFacts

EPOCHS_CAPACITY = 64
GRAD_CAPACITY = 16
"""Points kept of the epoch and of grad_norm: the newest counts, in a resumed run an older one."""
GRAD_LADDER = (5,)
"""Widths of the medians of grad_norm, in points."""
RESUMPTIONS_KEPT = 16
BEGINNING = 3
"""Training losses that say where a run began."""


class Resumption(NamedTuple):
    """The step that a resumed run went back to, and when (Unix seconds) it logged that step."""

    step: int
    time: float


class RunHistory:
    """Everything remembered of one run.

    Bounded: a series of at most 1,024 points, one more per validation set (at most 16), two short
    ones, and some hundred floats; below 60 KiB for a run with one validation set. What is stored is
    far less: the windows of points that rules look back on are *missing* after a restart.
    """

    def __init__(self, facts: RunFacts, roles: Roles, steps_per_epoch: int | None = None) -> None:
        self.facts = facts
        self.steps_per_epoch = steps_per_epoch
        """What the user says of runs that log no epoch."""
        self.intake = Intake(roles)
        self.loss = Series()
        self.levels = Levels()
        self.grad_norm = Series(GRAD_CAPACITY)
        self.grad_levels = Levels(GRAD_LADDER)
        self._first_losses: dict[int, float] = {}
        self.curve = Curve()
        self.epoch_series = Series(EPOCHS_CAPACITY)
        self.learning_rate: float | None = None
        self.peak_learning_rate: float | None = None
        self.evals: dict[str, Evaluations] = {}
        self.epochs = Epochs()
        self._forgotten = OpenMean()
        """Of the training losses that left the series: the first evaluation is yet to come."""
        self.finiteness = Finiteness()
        self.silence = Silence()
        self.segment = 0
        self._resumptions: list[Resumption] = []
        self.closed = False
        """Whether the trainer has written its closing summary."""
        self.awaits_points = False
        """Whether rules cannot look back since a restart; the first update with points ends it."""

    def absorb(
        self, points: Iterable[MetricPoint], stall_limit: Callable[[], float]
    ) -> Iterator[Record]:
        """Take in new points in order, yielding each record once it is part of the history.

        Points that were judged before are dropped, but for those that are missing after a restart,
        which the first update with points has to repeat. Others older than what was judged enter
        silently. A gap of more seconds than `stall_limit`, as of then, counts as training no longer
        than that.
        """
        admitted = self.intake.admit(points)
        if self.awaits_points and (admitted.late or admitted.fresh):
            refill(self._lookbacks(), admitted.late)
            self.awaits_points = False
        for late in admitted.late:
            self._fill_in(late)
        for record in admitted.fresh:
            self.silence.log(record.time, self.facts.started_at, stall_limit())
            if self._rewinds(record):
                self._resume(record)
            self._put(record)
            yield record

    def bookmarks(self) -> dict[str, Bookmark]:
        """Return by metric how far it was judged, and what has been missing since a restart."""
        missing = windows(self._lookbacks(), counted=self.intake.counts_steps)
        cursors = self.intake.cursors.items()
        return {metric: Bookmark(*cursor, missing.get(metric)) for metric, cursor in cursors}

    def train_tail(self, count: int) -> tuple[float, ...]:
        """Return the last training losses; after a restart, for a while, the shape of the curve."""
        return tuple(self.curve.values[-count:]) if self.awaits_points else self.loss.tail(count)

    def _lookbacks(self) -> Iterator[Lookback]:
        names = self.intake.names
        loss = names(lambda metric: metric == self.intake.loss_name)
        yield Lookback(self.loss, lambda record: record.loss, loss)
        yield Lookback(self.levels, lambda record: record.loss, loss)
        grad_norm = names(lambda metric: metric in self.intake.roles.grad_norm)
        yield Lookback(self.grad_norm, lambda record: record.grad_norm, grad_norm)
        yield Lookback(self.grad_levels, lambda record: record.grad_norm, grad_norm)
        epoch = names(lambda metric: metric in self.intake.roles.epoch)
        yield Lookback(self.epoch_series, lambda record: record.epoch, epoch)
        for eval_set, evals in self.evals.items():
            taken = names(partial(self.intake.is_of, eval_set))
            yield Lookback(evals.losses, partial(Record.eval_loss, eval_set=eval_set), taken)

    def epoch_at(self, step: int) -> float | None:
        """Return the newest epoch logged at or before `step`, or None.

        A run that logs none goes by the configured steps per epoch.
        """
        point = self.epoch_series.at_or_before(step)
        if point is not None:
            return point.value
        return step / self.steps_per_epoch if self.steps_per_epoch else None

    @property
    def resumed_at(self) -> int | None:
        """The step that the run went back to when it was last resumed."""
        return self._resumptions[-1].step if self._resumptions else None

    @property
    def step(self) -> int | None:
        """The highest step of the training loss or of an evaluation."""
        lasts = [series.last for series in self._rule_series()]
        return max((last.step for last in lasts if last), default=None)

    @property
    def is_leftover(self) -> bool:
        """Whether this is the stray run that `trainer.evaluate()` opens after training."""
        return self.loss.last is None and not (self.facts.params or self.facts.has_params)

    @property
    def is_trainer_run(self) -> bool:
        """Whether the Transformers Trainer logged this run (it writes its version as a param)."""
        return "transformers_version" in self.facts.params

    @property
    def best_eval(self) -> Extremum | None:
        """The best evaluation of the only or the first validation set."""
        return next((evals.best for _, evals in sorted(self.evals.items()) if evals.best), None)

    @property
    def first_losses(self) -> tuple[float, ...]:
        """The finite training losses of the first three steps that had any: where it began."""
        return tuple(self._first_losses.values())

    def _rule_series(self) -> list[Series]:
        return [self.loss, *(evals.losses for evals in self.evals.values())]

    def _rewinds(self, record: Record) -> bool:
        """Whether a series goes back to an earlier step: the run was resumed there."""
        pairs: list[tuple[Series, float | None]] = [
            (self.loss, record.loss),
            (self.grad_norm, record.grad_norm),
            *((self.evals[s].losses, v) for s, v in record.evals.items() if s in self.evals),
        ]
        return any(
            value is not None and series.last is not None and record.step < series.last.step
            for series, value in pairs
        )

    def _resume(self, record: Record) -> None:
        step = record.step
        for series in (self.loss, self.grad_norm, self.epoch_series):
            series.truncate(step)
        for evals in self.evals.values():
            evals.truncate(step)
        self.epochs.truncate(step)
        if not len(self.loss):
            # What was folded into sums lay, at least in part, beyond the step.
            self._forgotten.restart(None)
            self.epochs.open.restart(self.epochs.open.start)
        self.levels.start()
        self.grad_levels.start()
        self.curve.truncate(step)
        self._first_losses = {s: loss for s, loss in self._first_losses.items() if s < step}
        self.segment += 1
        self._resumptions.append(Resumption(step, record.time))
        del self._resumptions[:-RESUMPTIONS_KEPT]

    def _fill_in(self, record: Record) -> None:
        """Enter a late record where it fills a hole; nothing that was judged changes by it.

        What the run logged beyond a step from which it was resumed later stays forgotten.
        """
        if any(record.step >= r.step and record.time < r.time for r in self._resumptions):
            return
        if record.loss is not None:
            self._fold(self.loss.put_late(Point(record.step, record.time, record.loss)))
        for eval_set, value in record.evals.items():
            if eval_set in self.evals:
                self.evals[eval_set].put_late(Point(record.step, record.time, value))

    def _put(self, record: Record) -> None:
        if record.epoch is not None:
            self.epoch_series.put(Point(record.step, record.time, record.epoch))
        if record.grad_norm is not None:
            self.grad_norm.put(Point(record.step, record.time, record.grad_norm))
            if math.isfinite(record.grad_norm):
                self.grad_levels.push(record.step, record.grad_norm)
        if record.learning_rate is not None:
            self.learning_rate = record.learning_rate
            if math.isfinite(record.learning_rate):
                peak = self.peak_learning_rate or 0.0
                self.peak_learning_rate = max(peak, record.learning_rate)
        if record.loss is not None:
            self._put_loss(Point(record.step, record.time, record.loss))
        for eval_set, value in record.evals.items():
            if eval_set not in self.evals:
                self.evals[eval_set] = Evaluations(self._forgotten.copy())
            self.evals[eval_set].put(Point(record.step, record.time, value), self.loss)
        scaler = self.facts.params.get("fp16", "").lower() == "true"
        self.finiteness.look(record, loss_scaler=scaler)
        self.closed = record.closing or (self.closed and record.loss is None)

    def _put_loss(self, point: Point) -> None:
        resumed_at = self._resumptions[-1].time if self._resumptions else -math.inf
        self.silence.train(point.time, resumed_at)
        epoch = self.epoch_at(point.step)
        if epoch is not None:
            self.epochs.enter(epoch, point.step, self.loss)
        if math.isfinite(point.value):
            self.levels.push(point.step, point.value)
            self.curve.push(point.step, point.value)
            if len(self._first_losses) < BEGINNING or point.step in self._first_losses:
                self._first_losses[point.step] = point.value
        self._fold(self.loss.put(point))

    def _fold(self, forgotten: Iterable[Point]) -> None:
        """Keep the running means exact when the series forgets its oldest points."""
        for point in forgotten:
            sets = (evals.since for evals in self.evals.values())
            for mean in (self._forgotten, self.epochs.open, *sets):
                mean.fold(point)

    def to_document(self) -> dict[str, Any]:
        """Return plain data for the state document."""
        return {
            "intake": self.intake.to_document(),
            "loss": self.loss.to_document(),
            "levels": self.levels.to_document(),
            "grad_norm": self.grad_norm.to_document(),
            "grad_levels": self.grad_levels.to_document(),
            "first_losses": [list(item) for item in self._first_losses.items()],
            "curve": self.curve.to_document(),
            "epoch_series": self.epoch_series.to_document(),
            "learning_rate": self.learning_rate,
            "peak_learning_rate": self.peak_learning_rate,
            "evals": {name: evals.to_document() for name, evals in self.evals.items()},
            "epochs": self.epochs.to_document(),
            "forgotten": self._forgotten.to_document(),
            "finiteness": self.finiteness.to_document(),
            "silence": self.silence.to_document(),
            "segment": self.segment,
            "resumptions": list(self._resumptions),
            "closed": self.closed,
        }

    def restore(self, document: dict[str, Any]) -> None:
        """Take over what `to_document` gave, here or in an older version."""
        document = upgraded(document)
        self.intake.restore(document["intake"])
        self.loss = Series.from_document(document["loss"])
        self.levels = Levels.from_document(document["levels"])
        self.grad_norm = Series.from_document(document["grad_norm"], GRAD_CAPACITY)
        self.grad_levels = Levels.from_document(document["grad_levels"], GRAD_LADDER)
        self._first_losses = dict(document["first_losses"])
        self.curve = Curve.from_document(document["curve"])
        self.epoch_series = Series.from_document(document["epoch_series"], EPOCHS_CAPACITY)
        self.learning_rate = document["learning_rate"]
        self.peak_learning_rate = document["peak_learning_rate"]
        self.evals = {
            name: Evaluations.from_document(evals) for name, evals in document["evals"].items()
        }
        self.epochs = Epochs.from_document(document["epochs"])
        self._forgotten = OpenMean.from_document(document["forgotten"])
        self.finiteness = Finiteness(**document["finiteness"])
        self.silence = Silence.from_document(document["silence"])
        self.segment = document["segment"]
        self._resumptions = [Resumption(*resumption) for resumption in document["resumptions"]]
        self.closed = document["closed"]
        self.awaits_points = True
