"""Invariants of reading: whatever is logged between whatever polls arrives exactly once."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from shutil import copyfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.sources.mlflow import Mark, MlflowSettings
from tests.support.mlflow_bulk import Bulk, fill
from tests.support.mlflow_store import START
from tests.support.mlflow_watcher import Logged, Watcher, logged

LOG, POLL, REWIND, RESTART = "log", "poll", "rewind", "restart"
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just(LOG), st.integers(1, 120)),
        st.tuples(st.just(POLL), st.sampled_from([15, 90, 600])),
        st.tuples(st.just(REWIND), st.integers(1, 400)),
        st.tuples(st.just(RESTART), st.just(0)),
    ),
    min_size=2,
    max_size=14,
)
STRIDES = st.sampled_from([1, 10, 500])


class Tale:
    """One run of a local database, logged by SQL as MLflow's store does and watched in turns."""

    def __init__(self, database: Path, stride: int) -> None:
        self._database = database
        self._stride = stride
        self._settings = MlflowSettings(tracking_uri=f"sqlite:///{database}", update_points=150)
        [self._run_id] = fill(database, "tale", Bulk(START * 1000, metrics=(), points=0))
        self._watcher = Watcher(self._settings)
        self._step = 0
        self._clock = START
        self.points: Counter[Logged] = Counter()
        self.arrived: Counter[Logged] = Counter()

    def act(self, action: str, amount: int) -> None:
        """Do one thing that happens to runs and daemons."""
        if action == LOG:
            self._log(amount)
        elif action == POLL:
            self._clock += amount
            self._watcher.poll(self._clock)
        elif action == REWIND:
            self._step = max(0, self._step - amount * self._stride)
        else:
            self._restart()

    def finish(self) -> None:
        """End the run, and poll until its end was told."""
        with closing(sqlite3.connect(self._database)) as store, store:
            store.execute(
                "UPDATE runs SET status = 'FINISHED', end_time = ?", (self._clock * 1000,)
            )
        for _ in range(40):
            self.act(POLL, 15)
            if not self._watcher.updates[-1].facts.running:
                break
        assert not self._watcher.updates[-1].facts.running
        self.act(POLL, 15)
        self.arrived = self._watcher.points(self._run_id)

    def _log(self, records: int) -> None:
        with closing(sqlite3.connect(self._database)) as store, store:
            store.execute("PRAGMA synchronous = OFF")
            for _ in range(records):
                self._clock += 1
                for key, value in (("loss", 1.0), ("epoch", self._step / 100)):
                    row = (key, value, self._clock * 1000, self._step)
                    self._insert(store, row)
                    self.points[logged(key, self._step, self._clock * 1000, value)] += 1
                self._step += self._stride

    def _insert(self, store: sqlite3.Connection, row: tuple[str, float, int, int]) -> None:
        key, value, at, step = row
        store.execute(
            "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)"
            " VALUES (?, ?, ?, ?, ?, 0)",
            (key, value, at, self._run_id, step),
        )
        store.execute(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
            " VALUES (?, ?, ?, ?, 0, ?) ON CONFLICT (key, run_uuid) DO UPDATE SET"
            " value = excluded.value, timestamp = excluded.timestamp, step = excluded.step"
            " WHERE (excluded.step, excluded.timestamp) >= (step, timestamp)",
            (key, value, at, step, self._run_id),
        )

    def _restart(self) -> None:
        marks: dict[str, Mark] = self._watcher.marks(self._run_id)
        told = self._watcher.updates
        self._watcher = Watcher(self._settings, {self._run_id: marks})
        self._watcher.updates = told


@given(actions=ACTIONS, stride=STRIDES)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_point_of_any_tale_arrives_exactly_once(
    empty_database: Path, actions: list[tuple[str, int]], stride: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copyfile(empty_database, Path(folder) / "mlflow.db")
        tale = Tale(Path(folder) / "mlflow.db", stride)
        # A run that is first seen when it is very long is sampled: begin to watch in time.
        tale.act(LOG, 1)
        tale.act(POLL, 15)
        for action, amount in actions:
            tale.act(action, amount)
        tale.finish()
    assert not tale.points - tale.arrived, "lost"
    assert not tale.arrived - tale.points, "invented or repeated"
