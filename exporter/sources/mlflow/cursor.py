"""How far one metric of one run has been read, and which points of an answer are new."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.sources.mlflow.tracking import LOWEST_STEP, Point, Span, Stretch

OVERLAP_STEPS = 50
OVERLAP_STRIDES = 10
"""How many steps, or usual distances of two points, are read again for points that come late."""
OVERLAP_POINTS = 50
LOOKAHEAD_POINTS = 2_000
"""How much of a hidden stretch, between a rewound position and the old end, is read at once."""


class Lookback(NamedTuple):
    """Steps of one metric, both ends included, whose points were judged up to a time (Unix s)."""

    first: int
    last: int
    until: float

    def span(self, run_id: str) -> Span:
        """Return what to read; a window of a history has about a thousand points at most."""
        return Span(run_id, self.first, self.last, max(1, (self.last - self.first) // 1_000))

    def judged(self, points: Sequence[Point]) -> list[Point]:
        """Return the points that were judged."""
        until = round(self.until * 1000)
        return [point for point in points if point.time <= until]


class Mark(NamedTuple):
    """The newest point of one metric that was judged; `time` is Unix seconds.

    `highest` is the highest step that was judged, which a resumed run may still be below. What is
    to be handed over again, for rules to look back on, lies in `lookback`.
    """

    step: int
    time: float
    highest: int
    lookback: Lookback | None = None


@dataclass(slots=True)
class Cursor:
    """The reading position in one metric; `newest` is the last point in time that was handed on.

    `reach` is the highest step handed on. A run that was resumed from a checkpoint logs steps
    below it, which the store's latest value does not show: then the rest is *hidden*. Points near
    the position are remembered, so that one which arrives late with an old time is still new.
    """

    position: int
    newest: Point
    reach: int
    latest: Point | None = None
    stride: int = 1
    count: int = 0
    settled: bool = False
    """Whether nothing seen was left behind, and news can only follow the position."""
    _window: int | None = None
    """From which step on is read again; None stands for the usual overlap."""
    _floor: tuple[int, int] | None = None
    """From which (step, time) on up to the position all points are in `_known`."""
    _known: array[int] = field(default_factory=lambda: array("q"))

    @classmethod
    def restore(cls, mark: Mark, latest: Point) -> Cursor:
        """Continue where an earlier process stopped; `latest` is what the store shows now."""
        newest = Point(mark.step, round(mark.time * 1000), latest.value)
        return cls(mark.step, newest, mark.highest)

    def mark(self) -> Mark:
        """Return what `restore` needs."""
        return Mark(self.newest.step, self.newest.time / 1000, self.reach)

    @property
    def hidden(self) -> bool:
        """Whether new points may lie below the end that the store shows."""
        return self.position < self.reach

    def moved(self, latest: Point) -> bool:
        """Tell whether the store shows another last point than when it was last read."""
        return self.latest is None or _identity(latest) != _identity(self.latest)

    def span(self, run_id: str, last: int, *, far: bool) -> Span:
        """Return what to read next, with an overlap, up to the step `last`.

        Of what is hidden below the old end only the part that comes next is read, unless news may
        be anywhere: `far`, or after a search or an incomplete reading.
        """
        first = max(LOWEST_STEP, self.position - max(OVERLAP_STEPS, OVERLAP_STRIDES * self.stride))
        if self._window is not None:
            # What was left behind may lie anywhere in what was read.
            first = max(first, self._window) if self.settled else self._window
        if self.hidden and self.settled and not far:
            last = min(last, self.position + LOOKAHEAD_POINTS * self.stride)
        return Span(run_id, first, max(first, last), self.stride, self.newest.time)

    def fresh(self, points: Sequence[Point]) -> list[Point]:
        """Return those points that were not handed on yet."""
        known = set(self._known)
        return [point for point in points if self._is_new(point, known)]

    def rewinds(self, fresh: Sequence[Point]) -> bool:
        """Tell whether new points lie below the position: the run went back to a checkpoint."""
        return any(point.step < self.position and point.time > self.newest.time for point in fresh)

    def seek(self, step: int) -> None:
        """Read on from where points were found that the store's latest value does not show."""
        ahead = self.position + LOOKAHEAD_POINTS * self.stride
        if step < self.position or (self.hidden and step > ahead):
            self.position = step
            self._window = self._floor = None
            self.settled = False

    def advance(self, span: Span, stretch: Stretch, horizon: int, latest: Point) -> list[Point]:
        """Move past the points of a span up to a time and return the new ones.

        `latest` is the end that the store shows.
        """
        points = [point for point in stretch.points if point.time <= horizon]
        new = self.fresh(points)
        for point in new:
            if (point.time, point.step) >= (self.newest.time, self.newest.step):
                self.newest, self.position = point, point.step
            self.reach = max(self.reach, point.step)
        self.count += len(new)
        self.latest = latest
        self._remember(span, [point for point in points if point.step <= self.position])
        if stretch.only_new:
            self._floor = None
        self.settled = len(points) == len(stretch.points) and stretch.until is None
        if not self.settled:
            self._window = span.first
        return new

    def _is_new(self, point: Point, known: set[int]) -> bool:
        newer = (point.time, point.step) > (self.newest.time, self.newest.step)
        if newer or point.step > self.reach:
            return True
        near = self._floor is not None and self._floor <= point[:2] and point.step <= self.position
        return near and _identity(point) not in known

    def _remember(self, span: Span, points: Sequence[Point]) -> None:
        recent = sorted(points)[-OVERLAP_POINTS:]
        if not recent:
            return
        self.stride = _stride(recent)
        self._floor = recent[0][:2] if len(points) > len(recent) else (span.first, 0)
        self._window = self._floor[0]
        self._known = array("q", map(_identity, recent))


def first_cursor() -> Cursor:
    """Return the cursor of a metric of which nothing was handed on yet."""
    return Cursor(LOWEST_STEP, Point(LOWEST_STEP, LOWEST_STEP, float("nan")), LOWEST_STEP)


def _identity(point: Point) -> int:
    # repr makes all NaN equal; their hashes differ from object to object.
    return hash((point.step, point.time, repr(point.value)))


def _stride(points: Sequence[Point]) -> int:
    span = points[-1].step - points[0].step
    return max(1, span // max(1, len(points) - 1))
