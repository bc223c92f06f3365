"""The runs that are followed from poll to poll."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from alerts.model import RunFacts
from exporter.sources.mlflow.census import Census
from exporter.sources.mlflow.cursor import Cursor, Mark
from exporter.sources.mlflow.mirror import PARENT_TAG, SYSTEM_PREFIX, facts_of
from exporter.sources.mlflow.settings import RuleInputs
from exporter.sources.mlflow.tracker import FIRST_AUDIT, Audit, Task, Tracker
from exporter.sources.mlflow.tracking import TrackedRun


class Following:
    """Trackers of all active runs.

    `marks` are the newest judged points by run id and metric of an earlier process; a run without
    any is read from its beginning.
    """

    def __init__(self, inputs: RuleInputs, marks: Mapping[str, Mapping[str, Mark]]) -> None:
        self._inputs = inputs
        self._marks = dict(marks)
        self._trackers: dict[str, Tracker] = {}
        self._parents: set[str] = set()

    @property
    def marked(self) -> set[str]:
        """Return the runs known from an earlier process that were not seen yet in this one."""
        return set(self._marks)

    def tracker(self, run_id: str) -> Tracker | None:
        """Return what is known of a run, None if it is not followed."""
        return self._trackers.get(run_id)

    def newest(self, run_id: str) -> int:
        """Return the time (ms) of the newest point seen of a run, 0 if none was."""
        tracker = self._trackers.get(run_id)
        return tracker.newest if tracker else 0

    def follow(self, census: Census, now: float) -> None:
        """Begin to follow new runs, note changes of life, forget ended and silent ones."""
        for run in census.runs.values():
            tracker = self._trackers.get(run.run_id) or self._begin(run, now)
            if tracker.running != run.running:
                # A restart logs lower steps, and an end may come right after one.
                tracker.audit.soon(now)
                tracker.running = run.running
            if run.running and PARENT_TAG in run.tags:
                self._parents.add(run.tags[PARENT_TAG])
        for run_id in self._trackers.keys() - census.runs.keys():
            tracker = self._trackers.pop(run_id)
            if tracker.running:
                # Nothing but where to read on, should a run come back that was silent for a day.
                self._marks[run_id] = tracker.marks()
        self._parents &= self._trackers.keys()

    def leave(self, run_ids: Iterable[str]) -> list[RunFacts]:
        """Forget deleted runs; returns what was last told of them."""
        last: list[RunFacts] = []
        for run_id in sorted(run_ids):
            tracker = self._trackers.pop(run_id, None)
            marked = self._marks.pop(run_id, None) is not None or (tracker and tracker.marked)
            if tracker and tracker.told:
                last.append(tracker.told)
            elif marked:
                last.append(_nothing_but(run_id))
        return last

    def tasks(self, link: str, census: Census) -> list[Task]:
        """Return for every active run what there is to tell and to read."""
        return [self._task(link, census, run) for run in census.runs.values()]

    def _task(self, link: str, census: Census, run: TrackedRun) -> Task:
        tracker = self._trackers[run.run_id]
        experiment = census.experiments.get(run.experiment_id, run.experiment_id)
        is_parent = run.run_id in self._parents
        facts = facts_of(run, experiment, link, self._inputs, is_parent=is_parent)
        metrics = sorted(filter(self._inputs.is_metric, run.latest))
        keys = tracker.to_read(run, metrics, settled=not run.running and tracker.told == facts)
        return Task(run, tracker, facts, metrics, keys, _fingerprint(run))

    def _begin(self, run: TrackedRun, now: float) -> Tracker:
        marks = self._marks.pop(run.run_id, {})
        cursors = {
            key: Cursor.restore(mark, run.latest[key])
            for key, mark in marks.items()
            if key in run.latest and self._inputs.is_metric(key)
        }
        # What is new to us is read from its beginning: nothing of it can be hidden.
        first = min(FIRST_AUDIT, self._inputs.patience / 2)
        audit = Audit(now, now, urgent=bool(marks), first=first)
        tracker = Tracker(audit, run.running, cursors, marked=bool(marks))
        tracker.lookbacks = {k: m.lookback for k, m in marks.items() if k in cursors and m.lookback}
        if marks:
            # Whether a run moved while nobody looked shows in its points alone.
            tracker.fingerprint = _fingerprint(run)
        self._trackers[run.run_id] = tracker
        return tracker


def _nothing_but(run_id: str) -> RunFacts:
    return RunFacts(run_id, name=run_id, experiment="", status="KILLED", started_at=0)


def _fingerprint(run: TrackedRun) -> int:
    """Return a number that changes when the trainer logs anything.

    MLflow's system metrics come from a thread of their own that outlives a hanging trainer.
    """
    return hash(
        frozenset(
            (key, point.step, point.time)
            for key, point in run.latest.items()
            if not key.startswith(SYSTEM_PREFIX)
        )
    )
