"""Random lives of runs on a real server, and a comparison of what was told with what it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from alerts.model import MetricPoint
from exporter.sources import SourceDown
from exporter.sources.mlflow import Mark
from tests.support.mlflow_faults import FaultyServer, Reply
from tests.support.mlflow_runs import Trainer
from tests.support.mlflow_store import START, Store
from tests.support.mlflow_watcher import Logged, Watcher, logged, marks_of

SYSTEM_KEY = "system/gpu_0_power_usage_watts"
QUIET_POLLS = 40
END_SKEW = 600


class Event(NamedTuple):
    """Something that happens to a run, or (poll, outage, restart) to the daemon."""

    kind: str
    run: int = 0
    amount: int = 1


class Shape(NamedTuple):
    """How runs log: the distance of steps, and the metrics of each record."""

    stride: int
    keys: Sequence[str]
    values: Sequence[float]


@dataclass
class Subject:
    """One run: its trainer, where it is, and what arrived of it since it was last deleted."""

    trainer: Trainer
    step: int = 0
    skew: int = 0
    """How many seconds its clock is ahead of ours."""
    newest: int = 0
    deleted: bool = False
    plain: bool = True
    """Whether it ran and went forward all the time: then each poll must bring all it logged."""
    arrived: list[MetricPoint] = field(default_factory=list)
    logged: set[Logged] = field(default_factory=set)


class Turmoil:
    """Runs of one experiment, a child among them, that live through events and are watched."""

    def __init__(self, store: Store, proxy: FaultyServer, shape: Shape, runs: int = 2) -> None:
        self._store = store
        self._proxy = proxy
        self._shape = shape
        self._records = 0
        self.clock = START
        parent = store.begin(name="parent")
        tags = {"mlflow.parentRunId": parent.run_id}
        children = [store.begin(name=f"child-{n}", tags=tags) for n in range(1, runs)]
        self.subjects = [Subject(trainer) for trainer in (parent, *children)]
        self._watcher = self._watch({})

    def act(self, event: Event) -> None:
        """Let one event happen."""
        if event.kind in ("poll", "outage", "restart"):
            getattr(self, event.kind)(event.amount)
            return
        subject = self.subjects[event.run % len(self.subjects)]
        if event.kind == "restore" or not subject.deleted:
            getattr(self, f"_{event.kind}")(subject, event.amount)

    def poll(self, after: int) -> None:
        """Let time pass, collect, and check what came."""
        self.clock += after
        for update in self._watcher.poll(self.clock):
            order = [(point.time, point.step) for point in update.points]
            assert order == sorted(order), "out of order"
            subject = self._subject(update.facts.run_id)
            subject.arrived += update.points
            if update.deleted:
                subject.arrived.clear()
        for subject in self.subjects:
            if subject.plain and not subject.deleted:
                assert not subject.logged - told_of(subject).keys(), "told too late"

    def outage(self, good: int) -> None:
        """Collect while the server answers only the first requests, and then no other."""
        left = good

        def fail(_path: str) -> Reply | None:
            nonlocal left
            left -= 1
            return None if left >= 0 else Reply(503)

        self._proxy.fault = fail
        try:
            self.poll(15)
        except SourceDown:
            for update in self._watcher.drain():
                self._subject(update.facts.run_id).arrived += update.points
        finally:
            self._proxy.fault = None

    def restart(self, _amount: int) -> None:
        """Be another daemon, which knows what the one before has judged."""
        told = {s.trainer.run_id: s.arrived for s in self.subjects}
        self._watcher = self._watch({run_id: marks_of(points) for run_id, points in told.items()})

    def finish(self) -> None:
        """Restore and end all runs; poll until nothing more comes."""
        for subject in self.subjects:
            if subject.deleted:
                self._restore(subject, 1)
            self._end(subject, 0)
        quiet = 0
        for _ in range(QUIET_POLLS):
            before = sum(len(subject.arrived) for subject in self.subjects)
            self.poll(15)
            quiet = quiet + 1 if before == sum(len(s.arrived) for s in self.subjects) else 0
            if quiet == 2:
                return

    def held(self, subject: Subject) -> Counter[Logged]:
        """Return what the server holds of a run, read the way that everybody reads it."""
        client, run_id = self._store.client, subject.trainer.run_id
        return Counter(
            logged(key, metric.step, metric.timestamp, metric.value)
            for key in client.get_run(run_id).data.metrics
            if not key.startswith("system/")
            for metric in client.get_metric_history(run_id, key)
        )

    def missing(self, subject: Subject) -> Counter[Logged]:
        """Return what the server holds and was not told."""
        return self.held(subject) - told_of(subject)

    def surplus(self, subject: Subject) -> Counter[Logged]:
        """Return what was told and the server does not hold, or was told twice."""
        return told_of(subject) - self.held(subject)

    def _watch(self, marks: dict[str, dict[str, Mark]]) -> Watcher:
        settings = self._store.settings(
            tracking_uri=self._proxy.uri,
            experiments=(f"{self._store.experiment}*",),
            update_points=150,
            ended_grace=1e6,  # a run that is forgotten and comes back is told from its beginning
        )
        known = {run_id: found for run_id, found in marks.items() if found}
        return Watcher(settings, known, is_metric=lambda key: not key.startswith("system/"))

    def _subject(self, run_id: str) -> Subject:
        return next(s for s in self.subjects if s.trainer.run_id == run_id)

    def _log(self, subject: Subject, records: int, *, pause: int = 1, steps: int = 1) -> None:
        batch: list[tuple[str, int, int, float]] = []
        for _ in range(records):
            self.clock += pause
            subject.step += steps * self._shape.stride
            batch += self._record(subject.step, self.clock + subject.skew)
        self._send(subject, batch)

    def _together(self, subject: Subject, records: int) -> None:
        """Log several steps within one millisecond."""
        self._log(subject, records, pause=0)

    def _again(self, subject: Subject, records: int) -> None:
        """Log the same step again, later."""
        self._log(subject, records, steps=0)

    def _late(self, subject: Subject, behind: int) -> None:
        """Log a point that was on its way for some seconds, of a step that was passed since."""
        step = subject.step - behind * self._shape.stride
        self._send(subject, self._record(step, self.clock + subject.skew - behind))
        subject.plain = False

    def _record(self, step: int, at: int) -> list[tuple[str, int, int, float]]:
        keys, values = self._shape.keys, self._shape.values
        self._records += 1
        return [
            (key, step, at * 1000, values[(self._records + number) % len(values)])
            for number, key in enumerate(keys)
            # The last metric is evaluated now and then only.
            if number < len(keys) - 1 or number == 0 or self._records % 5 == 0
        ]

    def _send(self, subject: Subject, batch: list[tuple[str, int, int, float]]) -> None:
        subject.trainer.points(batch)
        subject.logged |= {logged(*point) for point in batch}
        subject.newest = max(subject.newest, *(at for _, _, at, _ in batch))

    def _system(self, subject: Subject, step: int) -> None:
        subject.trainer.points([(SYSTEM_KEY, step, self.clock * 1000, 300.0)])

    def _rewind(self, subject: Subject, records: int) -> None:
        """Go back to a checkpoint, on a machine whose clock is not behind what was logged."""
        subject.step -= records * self._shape.stride
        subject.plain = False
        self.clock = max(self.clock, subject.newest // 1000 - subject.skew)

    def _skew(self, subject: Subject, seconds: int) -> None:
        """Go on with a clock that is ahead or behind; never back where steps do not go on."""
        subject.skew = seconds if self._shape.stride else max(seconds, subject.skew)
        subject.plain = False

    def _end(self, subject: Subject, status: int) -> None:
        statuses = ("FINISHED", "FAILED", "KILLED")
        subject.plain = False
        # An end dated before the overlap of two searches is seen only of runs seen before.
        at = (self.clock + max(subject.skew, -END_SKEW)) * 1000
        subject.trainer.end(at, statuses[status % len(statuses)])

    def _resume(self, subject: Subject, _amount: int) -> None:
        subject.trainer.resume()

    def _delete(self, subject: Subject, _amount: int) -> None:
        subject.trainer.delete()
        subject.deleted, subject.plain = True, False

    def _restore(self, subject: Subject, _amount: int) -> None:
        if subject.deleted:
            subject.trainer.restore()
            subject.deleted = False

    def _rename(self, subject: Subject, number: int) -> None:
        subject.trainer.rename(f"name-{number}")

    def _move(self, subject: Subject, _amount: int) -> None:
        """Put the run into another experiment that is watched; MLflow has no call for this."""
        self._store.move(subject.trainer.run_id, f"{self._store.experiment}-elsewhere")

    def _model(self, subject: Subject, step: int) -> None:
        """Log a metric of a model on a data set, as MLflow 3 does."""
        model = self._store.client.create_logged_model(
            self._home, source_run_id=subject.trainer.run_id
        )
        more: dict[str, Any] = {"dataset_name": "eval", "dataset_digest": "0123"}
        self.clock += 1
        at = (self.clock + subject.skew) * 1000
        subject.newest = max(subject.newest, at)
        self._store.client.log_metric(
            subject.trainer.run_id, "accuracy", 0.5, at, step, model_id=model.model_id, **more
        )

    @property
    def _home(self) -> str:
        found = self._store.client.get_experiment_by_name(self._store.experiment)
        assert found
        return str(found.experiment_id)


def told_of(subject: Subject) -> Counter[Logged]:
    """Count every point that was told of a run."""
    return Counter(
        logged(point.metric, point.step, round(point.time * 1000), point.value)
        for point in subject.arrived
    )


def in_order(subject: Subject) -> bool:
    """Tell whether points came in the order of their times over all updates."""
    return all(before.time <= after.time for before, after in pairwise(subject.arrived))
