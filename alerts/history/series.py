"""One metric of one run: its last points in order of arrival, bounded."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any, NamedTuple

from alerts.history.steps import pack, unpack

CAPACITY = 512
"""Points kept per series; rules look back 240 at most, evaluations are rarely more than 512."""


class Point(NamedTuple):
    """A value at a step; `time` is Unix seconds by the trainer's clock."""

    step: int
    time: float
    value: float


class Series:
    """Points by ascending step, the oldest forgotten beyond `capacity`.

    Memory is 24 bytes a point, at most twice the capacity. The state document has the last point
    and the steps of the others, which are *missing* after a restart until `refill`.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._steps = array("q")
        self._times = array("d")
        self._values = array("d")
        self.forgotten = 0
        """How many of the oldest points were dropped to stay within the bound."""
        self.missing = array("q")
        """The steps before the first point here that were kept before a restart."""

    def __len__(self) -> int:
        """Return how many points are kept."""
        return len(self._steps)

    def __getitem__(self, index: int) -> Point:
        """Return the point at `index`, negative from the end."""
        return Point(self._steps[index], self._times[index], self._values[index])

    @property
    def logged(self) -> int:
        """How many points there were, be they kept or not."""
        return self.forgotten + len(self.missing) + len(self._steps)

    @property
    def last(self) -> Point | None:
        """The point of the highest step, or None."""
        return self[-1] if self._steps else None

    def put(self, point: Point) -> tuple[Point, ...]:
        """Insert by step, or replace what is at that step; return the points forgotten for it."""
        index = bisect_left(self._steps, point.step)
        if index < len(self._steps) and self._steps[index] == point.step:
            self._times[index] = point.time
            self._values[index] = point.value
            return ()
        self._steps.insert(index, point.step)
        self._times.insert(index, point.time)
        self._values.insert(index, point.value)
        return self._forget(len(self._steps) - self._capacity) if self._is_full() else ()

    def put_late(self, point: Point) -> tuple[Point, ...]:
        """Insert a point that came after later ones, where it fills a hole among kept points."""
        index = bisect_left(self._steps, point.step)
        fits = 0 < index < len(self._steps) and self._steps[index] != point.step
        return self.put(point) if fits else ()

    def _is_full(self) -> bool:
        return len(self._steps) > 2 * self._capacity

    def _forget(self, count: int) -> tuple[Point, ...]:
        oldest = self.points()[:count]
        del self._steps[:count], self._times[:count], self._values[:count]
        self.forgotten += count
        return oldest

    def truncate(self, step: int) -> None:
        """Drop every point at `step` or later."""
        keep = bisect_left(self._steps, step)
        del self._steps[keep:], self._times[keep:], self._values[keep:]
        del self.missing[bisect_left(self.missing, step) :]

    def refill(self, points: Iterable[Point]) -> None:
        """Take back what is missing out of points in order of time; what is not among them is lost.

        The latest point of a step is the one that counts.
        """
        wanted = frozenset(self.missing)
        found = {point.step: point for point in points if point.step in wanted}
        whole = [*(found[step] for step in sorted(found)), *self.points()]
        self.forgotten += len(wanted) - len(found)
        self.missing = array("q")
        self._steps = array("q", (point.step for point in whole))
        self._times = array("d", (point.time for point in whole))
        self._values = array("d", (point.value for point in whole))

    def at(self, step: int) -> Point | None:
        """Return the point at exactly `step`."""
        point = self.at_or_before(step)
        return point if point is not None and point.step == step else None

    def at_or_before(self, step: int) -> Point | None:
        """Return the point at the highest step that is not above `step`."""
        index = bisect_right(self._steps, step)
        return self[index - 1] if index else None

    def before(self, step: int) -> Point | None:
        """Return the point at the highest step below `step`."""
        index = bisect_left(self._steps, step)
        return self[index - 1] if index else None

    def tail(self, count: int) -> tuple[float, ...]:
        """Return the values of the last `count` points, oldest first."""
        return tuple(self._values[-count:]) if count > 0 else ()

    def points(self) -> tuple[Point, ...]:
        """Return every kept point, by ascending step."""
        return tuple(map(Point, self._steps, self._times, self._values))

    def to_document(self) -> dict[str, Any]:
        """Return plain data for the state document; NaN and infinities become text."""
        last = self.last
        return {
            "steps": pack(self.missing + self._steps),
            "last": [last.time, dump_number(last.value)] if last else None,
            "forgotten": self.forgotten,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any], capacity: int = CAPACITY) -> Series:
        """Rebuild a series from `to_document`: its last point, the others being missing."""
        series = cls(capacity)
        series.missing = unpack(document["steps"])
        if document["last"]:
            time, value = document["last"]
            series.put(Point(series.missing.pop(), time, float(value)))
        series.forgotten = document["forgotten"]
        return series


def dump_number(value: float) -> float | str:
    """Return a value that strict JSON can hold: NaN and infinities as text that float() reads."""
    return value if math.isfinite(value) else str(value)
