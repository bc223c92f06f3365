"""The evaluations of one validation set, each with the training loss that led to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from alerts.history.means import OpenMean
from alerts.history.series import Point, Series, dump_number
from alerts.model import Extremum

MIN_IMPROVEMENT = 0.01
"""The user's own minimal improvement of a validation loss."""
MEANS_KEPT = 8
"""Of so many evaluations the mean training loss is kept: rules look at four, and at one before."""


class Evaluations:
    """Validation losses of one set by step, each with the mean training loss before it.

    `since` is the mean, so far, of the training losses before the first evaluation.
    """

    def __init__(self, since: OpenMean) -> None:
        self.losses = Series()
        self.train_means: dict[int, float] = {}
        """By the step of an evaluation: the mean training loss since the evaluation before.

        Kept of the last evaluations, and of the one that improved the best.
        """
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
                self._keep_mean(point.step, mean)
            self.since.restart(self._counted_up_to(point.step, training))
        self._note_best(point, again=again)

    def _keep_mean(self, step: int, mean: float) -> None:
        self.train_means[step] = mean
        if len(self.train_means) <= 2 * MEANS_KEPT:
            return
        points = self.finite()
        waited = without_improvement([point.value for point in points])
        kept = {step, *(p.step for p in (*points[-MEANS_KEPT:], *points[-1 - waited :][:1]))}
        self.train_means = {s: mean for s, mean in self.train_means.items() if s in kept}

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
        return self.train_means.get(last.step) if last else None

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
        self.train_means = {s: mean for s, mean in self.train_means.items() if s < step}
        last = self.losses.last
        self.since.restart(last.step if last else None)
        if self._best is not None and self._best.step >= step:
            self._best = self._lowest()

    def to_document(self) -> dict[str, Any]:
        """Return plain data for the state document."""
        return {
            "losses": self.losses.to_document(),
            "since": self.since.to_document(),
            "train_means": [[s, dump_number(mean)] for s, mean in self.train_means.items()],
            "best": self._best,
            "first_ratios": list(self.first_ratios),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Evaluations:
        """Rebuild the evaluations from `to_document`."""
        found = cls(OpenMean.from_document(document["since"]))
        found.losses = Series.from_document(document["losses"])
        found.train_means = {step: float(mean) for step, mean in document["train_means"]}
        found._best = Extremum(*document["best"]) if document["best"] else None
        found.first_ratios = list(document["first_ratios"])
        return found


def without_improvement(values: Sequence[float]) -> int:
    """Return how many of the last evaluations in a row improved the best by 0.01 or less.

    The best moves with every improvement, however small, as in Transformers'
    EarlyStoppingCallback.
    """
    best: float | None = None
    waited = 0
    for value in values:
        waited = 0 if best is None or best - value > MIN_IMPROVEMENT else waited + 1
        best = value if best is None else min(best, value)
    return waited


def _usable(value: float) -> bool:
    return math.isfinite(value) and value > 0
