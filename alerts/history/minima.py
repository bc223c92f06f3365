"""The lowest level that the training loss has reached, for several widths of smoothing."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, NamedTuple

from alerts.history.series import Point
from alerts.history.steps import pack, unpack

LADDER = (3, 5, 9, 15, 25, 40, 65, 100)
"""Window widths, in points; the noise of a run decides which one is used."""
MEMORY = 2 * LADDER[-1]


class Level(NamedTuple):
    """A windowed median of the training loss, and the step at which its window ended."""

    value: float
    step: int


class _LaggedMinimum:
    """The minimum over all medians of `width` points that end before the last `width` points."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.lowest: Level | None = None
        self._window: list[float] = []

    def push(self, values: list[float], steps: list[int]) -> None:
        """Take note that one point was appended to `values` (the tail of the segment)."""
        entering = len(values) - 1 - self.width
        if entering < 0:
            return
        insort(self._window, values[entering])
        if len(self._window) > self.width:
            leaving = values[entering - self.width]
            del self._window[bisect_left(self._window, leaving)]
        if len(self._window) == self.width:
            level = middle(self._window)
            if self.lowest is None or level < self.lowest.value:
                self.lowest = Level(level, steps[entering])

    def refill(self, values: list[float]) -> None:
        """Rebuild the window from the tail of the segment."""
        end = max(0, len(values) - self.width)
        self._window = sorted(values[max(0, end - self.width) : end])


def middle(ordered: Sequence[float]) -> float:
    """Return the median of values that are in order already."""
    half, odd = divmod(len(ordered), 2)
    return ordered[half] if odd else (ordered[half - 1] + ordered[half]) / 2


class Levels:
    """The finite values of one segment: their count, their tail, and their minima by width.

    A segment is what lies between two resumptions; `start` begins a new one. Memory is bounded by
    about five times the widest window whatever the length of the run. The state document has the
    steps of the tail, whose values are *missing* after a restart until `refill`.
    """

    def __init__(self, ladder: Sequence[int] = LADDER) -> None:
        self._ladder = tuple(ladder)
        self._keep = 2 * max(self._ladder) + 1
        self.start()

    def start(self) -> None:
        """Forget everything: a new segment begins."""
        self.count = 0
        self.values: list[float] = []
        self.steps: list[int] = []
        self.missing = array("q")
        """The steps before the first here of which the values were kept before a restart."""
        self._minima = {width: _LaggedMinimum(width) for width in self._ladder}

    def push(self, step: int, value: float) -> None:
        """Append one finite value, or replace the last one where `step` is the same.

        No window of an earlier level reaches the last three points.
        """
        if self.steps and self.steps[-1] == step:
            self.values[-1] = value
            return
        self.count += 1
        self.values.append(value)
        self.steps.append(step)
        for minimum in self._minima.values():
            minimum.push(self.values, self.steps)
        # One more than the widest windows reach back, trimmed by halves to stay linear.
        if len(self.values) > 2 * self._keep:
            del self.values[: -self._keep], self.steps[: -self._keep]

    def current(self, width: int) -> float:
        """Return the median of the last `width` points; NaN where their history was deleted."""
        last = self.values[-width:]
        return median(last) if last else math.nan

    def lowest(self, width: int) -> Level | None:
        """Return the lowest median of `width` points that ended before the current window."""
        return self._minima[width].lowest

    def refill(self, points: Iterable[Point]) -> None:
        """Take back the tail out of points in order of time; what is not among them is lost.

        The latest finite value of a step is the one that counts.
        """
        wanted = frozenset(self.missing)
        found = {p.step: p.value for p in points if p.step in wanted and math.isfinite(p.value)}
        self.missing = array("q")
        self.steps = [*sorted(found), *self.steps]
        self.values = [*(found[step] for step in sorted(found)), *self.values]
        for minimum in self._minima.values():
            minimum.refill(self.values)

    def to_document(self) -> dict[str, Any]:
        """Return plain data for the state document."""
        steps = [*self.missing, *self.steps]
        return {
            "count": self.count,
            "steps": pack(steps[-self._keep :]),
            "minima": {str(w): m.lowest for w, m in self._minima.items() if m.lowest},
        }

    @classmethod
    def from_document(cls, document: dict[str, Any], ladder: Sequence[int] = LADDER) -> Levels:
        """Rebuild the levels from `to_document`, their tail being missing."""
        levels = cls(ladder)
        levels.count = document["count"]
        levels.missing = unpack(document["steps"])
        for width, minimum in levels._minima.items():
            lowest = document["minima"].get(str(width))
            minimum.lowest = Level(*lowest) if lowest else None
        return levels
