"""The evaluations of one validation set, each with the training loss that led to it."""

from __future__ import annotations

import math
from typing import Any

from alerts.history.means import OpenMean
from alerts.history.series import Point, Series
from alerts.model import Extremum


class Evaluations:
    """Validation losses of one set by step, each with the mean training loss before it.

    `since` is the mean, so far, of the training losses before the first evaluation.
    """

    def __init__(self, since: OpenMean) -> None:
        self.losses = Series()
        self.train_means = Series()
        """By the step of an evaluation: the mean training loss since the evaluation before."""
        self.since = since
        self._best: Extremum | None = None
        self.first_ratios: list[float] = []
        """Last training point / evaluation, for the first three evaluations."""

    def put(self, point: Point, training: Series) -> None:
        """Take in one evaluation; one at a step that is there already replaces it."""
        again = self.losses.at(point.step) is not None
        self.losses.put(point)
        self._note_ratio(point, training, again=again)
        if not again:
            mean = self.since.value(training, point.step)
            if mean is not None:
                self.train_means.put(Point(point.step, point.time, mean))
            self.since.restart(self._counted_up_to(point.step, training))
        self._note_best(point, again=again)

    def _counted_up_to(self, step: int, training: Series) -> int | None:
        """Return where the next interval begins; None: nothing was trained so far.

        A training point of this very step may be logged after it: it counts next time.
        """
        last = training.at_or_before(step)
        if last is not None:
            return last.step
        return step if len(training) else None

    def put_late(self, point: Point) -> None:
        """Take in an evaluation that came after later ones, where it fills a hole."""
        self.losses.put_late(point)
        if self.losses.at(point.step) == point:
            self._note_best(point, again=False)

    def _note_best(self, point: Point, *, again: bool) -> None:
        if again and self._best is not None and self._best.step == point.step:
            self._best = self._lowest()
        elif math.isfinite(point.value) and (self._best is None or point.value < self._best.value):
            self._best = Extremum(point.step, point.value)

    def _note_ratio(self, point: Point, training: Series, *, again: bool) -> None:
        last = training.at_or_before(point.step)
        if again or last is None or len(self.first_ratios) == 3 or not _usable(point.value):
            return
        if math.isfinite(last.value):
            self.first_ratios.append(last.value / point.value)

    def _lowest(self) -> Extremum | None:
        finite = [p for p in self.losses.points() if math.isfinite(p.value)]
        best = min(finite, key=lambda p: p.value, default=None)
        return Extremum(best.step, best.value) if best else None

    @property
    def train_mean(self) -> float | None:
        """The mean training loss between the newest evaluation and the one before it."""
        last = self.losses.last
        mean = self.train_means.at(last.step) if last else None
        return mean.value if mean else None

    @property
    def best(self) -> Extremum | None:
        """The lowest finite evaluation; the first of equals."""
        return self._best

    def finite(self) -> tuple[Point, ...]:
        """Return the finite evaluations by ascending step."""
        return tuple(p for p in self.losses.points() if math.isfinite(p.value))

    def truncate(self, step: int) -> None:
        """Forget evaluations at `step` or later: the run was resumed there."""
        self.losses.truncate(step)
        self.train_means.truncate(step)
        last = self.losses.last
        self.since.restart(last.step if last else None)
        if self._best is not None and self._best.step >= step:
            self._best = self._lowest()

    def to_document(self) -> dict[str, Any]:
        """Return plain data for the state document."""
        return {
            "losses": self.losses.to_document(),
            "since": self.since.to_document(),
            "train_means": self.train_means.to_document(),
            "best": self._best,
            "first_ratios": list(self.first_ratios),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Evaluations:
        """Rebuild the evaluations from `to_document`."""
        found = cls(OpenMean.from_document(document["since"]))
        found.losses = Series.from_document(document["losses"])
        found.train_means = Series.from_document(document["train_means"])
        found._best = Extremum(*document["best"]) if document["best"] else None
        found.first_ratios = list(document["first_ratios"])
        return found


def _usable(value: float) -> bool:
    return math.isfinite(value) and value > 0
