"""All news of one run up to one instant of the tracking server, or none.

A trainer logs its metrics in records (one request, one time, one step), and rules join metrics on
steps, so an update must not end in the middle of a record. What was logged before the list of runs
was read is complete in every later answer: its newest time is the *horizon* of the update, and
points beyond it wait for the next poll.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from exporter.sources.mlflow.cursor import first_cursor
from exporter.sources.mlflow.tracker import Task
from exporter.sources.mlflow.tracking import (
    HIGHEST_STEP,
    LOWEST_STEP,
    MetricHistory,
    Point,
    Span,
    Stretch,
)

TAIL_POINTS = 1_000
"""How many points at the end of a very long history are read exactly at first sight."""
AUDIT_EFFORT = 30
FINAL_EFFORT = 150
"""Requests of one search for hidden points: of many, and of the last in the life of a run."""
ENDLESS = 2**63 - 1

_log = logging.getLogger("tunewatch.mlflow")


class Piece(NamedTuple):
    """What was read of one metric."""

    span: Span
    stretch: Stretch


class Gathered(NamedTuple):
    """News of one run: new points by metric; `complete` unless some of them were left behind.

    `repeated` are points that were judged before, for rules to look back on.
    """

    points: Mapping[str, Sequence[Point]]
    complete: bool
    repeated: Mapping[str, Sequence[Point]] = {}


def condensed(end: Stretch) -> list[Point]:
    """Return an even sample of a history that is too long, and its last points exactly."""
    tail = sorted(end.points)[-TAIL_POINTS:]
    return [point for point in end.sample if point[:2] < tail[0][:2]] + tail


class RunReader:
    """Reads what one run has logged since its cursors, up to `limit` points of each metric."""

    def __init__(self, history: MetricHistory, task: Task, limit: int) -> None:
        self._history = history
        self._run = task.run
        self._tracker = task.tracker
        self._metrics = task.metrics
        self._limit = limit

    def span(self, key: str) -> Span:
        """Return what has to be read of a metric as the list of runs shows it."""
        return self._span(key)

    def lookbacks(self) -> dict[str, Span]:
        """Return by metric what has to be handed over again, with the first news at the latest."""
        return {key: lb.span(self._run.run_id) for key, lb in self._tracker.lookbacks.items()}

    def look_back(self, at_hand: Mapping[str, Sequence[Point]]) -> dict[str, Sequence[Point]]:
        """Return these points, of which the spans in `at_hand` were read already.

        Of more than `limit`, which a window of a history never has, the last ones. Raises
        RunUnreadable or SourceDown.
        """
        repeated: dict[str, Sequence[Point]] = {}
        for key, span in self.lookbacks().items():
            read = key in at_hand
            points = at_hand[key] if read else self._history.read(key, span, self._limit).points
            repeated[key] = self._tracker.lookbacks[key].judged(points)
        return repeated

    def audit(self) -> None:
        """Look for points that the latest values hide, and set the cursors to them."""
        found = [self._hidden(key) for key in self._tracker.probes(every=not self._run.running)]
        steps = [step for step in found if step is not None]
        if steps:
            self._tracker.seek(min(steps))

    def _hidden(self, key: str) -> int | None:
        """Return the lowest step at which a metric has points later than what was read of it."""
        cursor = self._tracker.cursors[key]
        everything = Span(self._run.run_id, last=HIGHEST_STEP, stride=cursor.stride)
        effort = AUDIT_EFFORT if self._run.running else FINAL_EFFORT
        return self._history.lowest_newer(key, everything, cursor.newest.time, effort)

    def gather(self, keys: Iterable[str], at_hand: Mapping[str, Sequence[Point]]) -> Gathered:
        """Return the news in `keys`, of which the spans in `at_hand` were read already.

        Cursors move only when everything was read; raises RunUnreadable or SourceDown before.
        """
        pieces = {
            key: Piece(span, Stretch(at_hand[key]) if key in at_hand else self._read(key, span))
            for key, span in ((key, self.span(key)) for key in keys)
        }
        step = self._resumed_at(pieces)
        if step is not None:
            self._tracker.seek(step)
        horizon = max(self._tracker.newest, *(self._run.latest[k].time for k in self._metrics))
        if self._tracker.hidden:
            # The latest values do not bound what is hidden. Whatever the first reading met was
            # logged before this second one, which therefore has the records around it whole.
            horizon = max(horizon, _newest(pieces.values()))
            spans = {key: self._span(key, HIGHEST_STEP) for key in self._metrics}
            pieces = {key: Piece(span, self._read(key, span)) for key, span in spans.items()}
        return self._hand_on(pieces, horizon if self._run.running else ENDLESS)

    def _span(self, key: str, last: int | None = None) -> Span:
        cursor = self._tracker.cursors.get(key)
        shown = self._run.latest[key].step
        last = shown if last is None else last
        if cursor is None:
            return Span(self._run.run_id, last=last)
        far = shown > cursor.reach or not self._run.running
        return cursor.span(self._run.run_id, last, far=far)

    def _read(self, key: str, span: Span) -> Stretch:
        stretch = self._history.read(key, span, self._limit)
        if stretch.until is None or key in self._tracker.cursors:
            return stretch
        return self._coarse(key, stretch)

    def _coarse(self, key: str, end: Stretch) -> Stretch:
        points = condensed(end)
        _log.warning(
            "metric %r of run %s has a long history: read as %d points, the last %d exactly",
            key,
            self._run.run_id,
            len(points),
            TAIL_POINTS,
        )
        return Stretch(points)

    def _resumed_at(self, pieces: Mapping[str, Piece]) -> int | None:
        """Return the step to which the run went back, if new points show that it did."""
        steps: list[int] = []
        for key, piece in pieces.items():
            cursor = self._tracker.cursors.get(key)
            if cursor is None or not cursor.rewinds(cursor.fresh(piece.stretch.points)):
                continue
            span = piece.span._replace(first=LOWEST_STEP)
            found = self._history.lowest_newer(key, span, cursor.newest.time, FINAL_EFFORT)
            steps += [] if found is None else [found]
        return min(steps, default=None)

    def _hand_on(self, pieces: Mapping[str, Piece], horizon: int) -> Gathered:
        tracker = self._tracker
        limits = (p.stretch.until for p in pieces.values() if p.stretch.until is not None)
        horizon = min((horizon, *limits))
        points: dict[str, Sequence[Point]] = {}
        for key, (span, stretch) in pieces.items():
            begun = key in tracker.cursors
            if not begun and not any(point.time <= horizon for point in stretch.points):
                tracker.unread.add(key)
                continue
            cursor = tracker.cursors.setdefault(key, first_cursor())
            points[key] = cursor.advance(span, stretch, horizon, self._run.latest[key])
            (tracker.unread.discard if cursor.settled else tracker.unread.add)(key)
        tracker.newest = max(tracker.newest, _newest(pieces.values()))
        return Gathered(points, complete=not tracker.unread.intersection(pieces))


def _newest(pieces: Iterable[Piece]) -> int:
    return max((p.time for piece in pieces for p in piece.stretch.points), default=0)
