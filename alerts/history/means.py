"""Means of the training loss over open intervals: since the last evaluation, over an epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from alerts.history.series import Point, Series, dump_number


class OpenMean:
    """The mean of finite training losses at steps above `start`, as far as they have come.

    Points that the bounded series forgets are folded into a sum, so the mean stays exact for
    intervals of any length.
    """

    def __init__(self, start: int | None = None) -> None:
        self.restart(start)

    def copy(self) -> OpenMean:
        """Return another mean of the same interval, as far as it has come."""
        return OpenMean.from_document(self.to_document())

    def restart(self, start: int | None) -> None:
        """Begin a new interval: steps above `start`, or every step where it is None."""
        self.start = start
        self._sum = 0.0
        self._count = 0

    def fold(self, point: Point) -> None:
        """Take in a point that the series is about to forget."""
        if self._covers(point.step) and math.isfinite(point.value):
            self._sum += point.value
            self._count += 1

    def value(self, series: Series, upto: int | None = None) -> float | None:
        """Return the mean over (start, upto], or None where no finite point lies there."""
        inside = [
            point.value
            for point in series.points()
            if self._covers(point.step)
            and (upto is None or point.step <= upto)
            and math.isfinite(point.value)
        ]
        count = self._count + len(inside)
        return (self._sum + _sum(inside)) / count if count else None

    def _covers(self, step: int) -> bool:
        return self.start is None or step > self.start

    def to_document(self) -> list[float | int | str | None]:
        """Return plain data for the state document."""
        return [self.start, dump_number(self._sum), self._count]

    @classmethod
    def from_document(cls, document: list[Any]) -> OpenMean:
        """Rebuild the mean from `to_document`."""
        mean = cls(document[0])
        mean._sum, mean._count = float(document[1]), document[2]
        return mean


def _sum(values: Sequence[float]) -> float:
    """Return the exact sum; infinite where it is beyond the largest double."""
    try:
        return math.fsum(values)
    except OverflowError:
        return sum(values)
