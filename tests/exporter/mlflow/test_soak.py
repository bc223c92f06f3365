"""A day of runs that come and go leaves memory and threads as they were."""

from __future__ import annotations

import gc
import math
import sqlite3
import threading
import tracemalloc
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path

import pytest

from alerts.engine import Engine
from alerts.model import Observations, SourceObservation
from alerts.outbox import Outbox
from alerts.store import MemoryStore
from exporter.app.runs import rule_inputs
from exporter.config import DEFAULT_CONFIG
from exporter.feed import Feed
from exporter.metrics.encoding import Format, encode
from exporter.metrics.runs import families
from exporter.sources.mlflow import MlflowSettings, MlflowSource
from tests.support.mlflow_bulk import Bulk, extend, fill
from tests.support.mlflow_server import MlflowServer
from tests.support.mlflow_store import START, Store

METRICS = ("loss", "eval_loss", "grad_norm", "learning_rate", "epoch", "reward")
UP = SourceObservation("mlflow", "", up=True, expected=True)
HOUR = 3_600
HANGING = 1.5 * HOUR
"""How long from the start on runs are left RUNNING."""


class Day:
    """Runs that begin, log, and end, fail, hang or are deleted, while everything is watched.

    The store is a real one, written by SQL as MLflow's store does; the clock is ours.
    """

    def __init__(self, database: Path, settings: MlflowSettings, experiment: str) -> None:
        self._database = database
        self._experiment = experiment
        self._feed = Feed()
        self._source = MlflowSource(settings, self._feed, rule_inputs(DEFAULT_CONFIG))
        self._engine = Engine(DEFAULT_CONFIG, MemoryStore(), Outbox(()))
        self._engine.restore(START)
        self._live: deque[tuple[str, Bulk]] = deque()
        self._ended = 0
        self.begun = 0
        self.clock = START

    def pass_time(self, seconds: float, every: int, runs_per_hour: int, lasting: int) -> None:
        """Poll `every` so many seconds, while runs of some length come and go."""
        end = self.clock + seconds
        due = 0.0
        while self.clock < end:
            self.clock += every
            due += runs_per_hour * every / HOUR
            self._begin(int(due), every)
            due %= 1
            while len(self._live) > math.ceil(runs_per_hour * lasting / HOUR):
                self._end(self._live.popleft()[0])
            for bulk, runs in groupby(self._live, key=lambda run: run[1]):
                number = (self.clock * 1000 - bulk.started) // bulk.every
                if number:
                    extend(self._database, [i for i, _ in runs], bulk, first=number, points=1)
            self._poll()

    def _begin(self, runs: int, every: int) -> None:
        self.begun += runs
        bulk = Bulk(self.clock * 1000, runs, METRICS, 1, stride=1, every=every * 1000, params=40)
        self._live += [(run_id, bulk) for run_id in fill(self._database, self._experiment, bulk)]

    def _end(self, run_id: str) -> None:
        with closing(sqlite3.connect(self._database, timeout=60)) as store, store:
            self._ended += 1
            kind = self._ended % 7
            if kind == 0 and self.clock < START + HANGING:
                return  # killed: it stays RUNNING, and is watched for a day more
            if kind == 1:
                store.execute(
                    "UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = ?", (run_id,)
                )
                return
            status = "FAILED" if kind == 2 else "FINISHED"
            store.execute(
                "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?",
                (status, self.clock * 1000, run_id),
            )

    def _poll(self) -> None:
        shown = self._source.collect(self.clock)
        news = self._feed.peek()
        self._engine.tick(Observations(news, None, (UP,)), self.clock)
        self._feed.acknowledge(len(news))
        assert encode(families(shown), Format.TEXT).text

    def followed(self) -> int:
        """Return how many runs the source keeps something of."""
        following = self._source._following
        return len(following._trackers) + len(following._marks)


@contextmanager
def traced() -> Iterator[None]:
    """Trace the memory that Python objects take."""
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def held() -> int:
    """Return the bytes that are in use."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.timeout(240)
def test_hours_of_runs_leave_memory_and_threads_flat(local: Store, tmp_path: Path) -> None:
    """The short form, on a database file, which costs a hundredth of a server."""
    day = Day(tmp_path / "mlflow.db", local.settings(stale_after=1.0 * HOUR), local.experiment)
    load = {"every": 300, "runs_per_hour": 8, "lasting": 1_800}
    with traced():
        day.pass_time(2 * HOUR, **load)
        before, followed, threads = held(), day.followed(), threading.active_count()
        day.pass_time(1.5 * HOUR, **load)
        assert held() < 1.15 * before
    assert day.followed() <= followed + 4
    assert threading.active_count() == threads


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_a_day_of_two_thousand_runs_leaves_memory_and_threads_flat(
    remote: Store, server: MlflowServer
) -> None:
    """The long form, through a real server."""
    settings = remote.settings(stale_after=2.0 * HOUR)
    day = Day(server.database, settings, remote.experiment)
    load = {"every": 240, "runs_per_hour": 84, "lasting": 2_400}
    day.pass_time(4 * HOUR, **load)
    before, threads = resident(), threading.active_count()
    day.pass_time(20 * HOUR, **load)
    assert day.begun > 2_000
    assert resident() < before + 16 * 2**20
    assert threading.active_count() <= threads


@pytest.mark.parametrize("points", [100, 5_000])
def test_a_run_takes_little_memory_however_long_its_history_is(
    local: Store, tmp_path: Path, points: int
) -> None:
    runs, bound = 3, 24 * 1024
    database = tmp_path / "mlflow.db"
    # What is loaded or interned at first use belongs to no run.
    fill(database, local.experiment, Bulk((START - 2_000) * 1000, 1, METRICS, 100))
    local.watch().poll(START)
    watcher = local.watch()
    started = (START - points * 10) * 1000
    fill(database, local.experiment, Bulk(started, runs, METRICS[:3], points, params=200))
    with traced():
        before = held()
        watcher.poll(START)
        watcher.updates.clear()
        assert (held() - before) / runs < bound
