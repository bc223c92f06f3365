"""What has happened to every run since the last poll, put into the feed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from alerts.model import MetricPoint, RunUpdate
from exporter.feed import Feed
from exporter.sources.mlflow.census import Census
from exporter.sources.mlflow.following import Following
from exporter.sources.mlflow.gather import Gathered, RunReader
from exporter.sources.mlflow.tracker import Task, Tracker
from exporter.sources.mlflow.tracking import MetricHistory, Point, RunUnreadable, Span, Tracking

KNOWN_RUNS = 80
"""Runs read together: about what one request can hold."""
LOOKING_BACK = 15
"""As `KNOWN_RUNS`, for runs of which an engine that was restarted is missing its windows."""
NEW_RUNS = 4
"""As `KNOWN_RUNS`, for runs of which nothing was read yet and much may come."""

_NOTHING = Gathered({}, complete=True)
_log = logging.getLogger("tunewatch.mlflow")


class Newsroom:
    """Reports changes of the runs that are followed.

    `owed` are the runs whose news could not be told yet: the feed was full, time was up, or
    reading failed. An update holds up to `limit` points of each metric.
    """

    def __init__(self, feed: Feed, following: Following, limit: int) -> None:
        self._feed = feed
        self._limit = limit
        self._following = following
        self._unreadable: set[str] = set()
        self.owed = following.marked

    def report(
        self, tracking: Tracking, census: Census, now: float, in_time: Callable[[], bool]
    ) -> None:
        """Put the news of all runs into the feed, as far as it has room and while `in_time`.

        Raises SourceDown when history cannot be read; what was not told stays owed.
        """
        for facts in self._following.leave(census.gone):
            self._feed.put(RunUpdate(facts, (), now, deleted=True))
        self._following.follow(census, now)
        tasks = self._following.tasks(tracking.link, census)
        self.owed = {task.run.run_id for task in tasks if task.has_news}
        due = [task for task in tasks if task.audit_due(now)]
        self._tell_all([t for t in tasks if not t.audit_due(now)], tracking, now, in_time)
        audited = self._audit_all(due, tracking.history, now, in_time)
        if audited:
            # An audit may have found more to read.
            tasks = self._following.tasks(tracking.link, census)
            self._tell_all([t for t in tasks if t.run.run_id in audited], tracking, now, in_time)

    def _tell_all(
        self, tasks: Sequence[Task], tracking: Tracking, now: float, in_time: Callable[[], bool]
    ) -> None:
        for task in tasks:
            if task.has_news and not task.keys:
                self._tell(task, _NOTHING, now)
        for groups in _groups([task for task in tasks if task.keys]):
            for group in groups:
                if not self._feed.room():
                    return
                self._read(group, tracking.history, now)
                if not in_time():
                    break

    def _audit_all(
        self, tasks: Sequence[Task], history: MetricHistory, now: float, in_time: Callable[[], bool]
    ) -> set[str]:
        """Look for hidden points of runs while `in_time`; returns the runs that were looked at."""
        audited: set[str] = set()
        for task in sorted(tasks, key=lambda task: task.tracker.audit.next_at):
            try:
                RunReader(history, task, self._limit).audit()
            except RunUnreadable as error:
                self._note_unreadable(task, error)
            task.tracker.audit.done(now)
            audited.add(task.run.run_id)
            if not in_time():
                break
        return audited

    def _read(self, group: Sequence[Task], history: MetricHistory, now: float) -> None:
        readers = [RunReader(history, task, self._limit) for task in group]
        pairs = list(zip(group, readers, strict=True))
        windows = _read_together(history, (each for r in readers for each in r.lookbacks().items()))
        at_hand = _read_together(history, ((key, r.span(key)) for t, r in pairs for key in t.keys))
        for task, reader in pairs:
            run_id = task.run.run_id
            if not self._feed.room():
                return
            try:
                repeated = reader.look_back(windows.get(run_id, {}))
                gathered = reader.gather(task.keys, at_hand.get(run_id, {}))
            except RunUnreadable as error:
                self._note_unreadable(task, error)
                continue
            self._tell(task, gathered._replace(repeated=repeated), now)

    def _tell(self, task: Task, gathered: Gathered, now: float) -> None:
        tracker, facts = task.tracker, task.facts
        if not gathered.complete and not task.run.running:
            # The end is told with the last points, not before them.
            facts = replace(facts, status="RUNNING", ended_at=None)
        news = any(gathered.points.values())
        moved = news or task.moved
        if moved or facts != tracker.told:
            points = _metric_points(gathered.repeated, gathered.points)
            self._feed.put(RunUpdate(facts, points, now, moved=moved))
            tracker.told, tracker.fingerprint = facts, task.fingerprint
            tracker.lookbacks.clear()
        if news:
            tracker.audit.news(now)
        if gathered.complete:
            self.owed.discard(task.run.run_id)
        tracker.read_at = now

    def _note_unreadable(self, task: Task, error: RunUnreadable) -> None:
        run_id = task.run.run_id
        self.owed.discard(run_id)
        if run_id not in self._unreadable:
            self._unreadable.add(run_id)
            _log.warning("run %s is not judged: %s", run_id, error)


def _groups(tasks: Sequence[Task]) -> Iterator[list[list[Task]]]:
    """Put runs together that are read together: those known, those looked back on, and the new.

    The longest waiting are ahead. Of each kind one group is read in any case, so none starves.
    """
    waiting = sorted(tasks, key=lambda task: task.tracker.read_at)
    for size in (KNOWN_RUNS, LOOKING_BACK, NEW_RUNS):
        group = [task for task in waiting if _read_with(task.tracker) == size]
        yield [group[start : start + size] for start in range(0, len(group), size)]


def _read_with(tracker: Tracker) -> int:
    """Return how many runs of this kind are read together."""
    if not tracker.cursors:
        return NEW_RUNS
    return LOOKING_BACK if tracker.lookbacks else KNOWN_RUNS


def _read_together(
    history: MetricHistory, wanted: Iterable[tuple[str, Span]]
) -> dict[str, dict[str, Sequence[Point]]]:
    """Return points by run id and metric, as far as shared requests give them completely."""
    spans: dict[str, list[Span]] = {}
    for key, span in wanted:
        spans.setdefault(key, []).append(span)
    at_hand: dict[str, dict[str, Sequence[Point]]] = {}
    for key, together in spans.items():
        for run_id, points in history.recent(key, together).items():
            at_hand.setdefault(run_id, {})[key] = points
    return at_hand


def _metric_points(*parts: Mapping[str, Sequence[Point]]) -> tuple[MetricPoint, ...]:
    """Return the points of all metrics in the order in which they were logged."""
    return tuple(
        sorted(
            (
                MetricPoint(key, point.step, point.time / 1000, point.value)
                for points in parts
                for key, found in points.items()
                for point in found
            ),
            key=lambda point: (point.time, point.step),
        )
    )
