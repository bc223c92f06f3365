"""A record that is logged while history is being read is told whole or not yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import pytest

from alerts.model import RunUpdate
from tests.support.mlflow_faults import FaultyServer, Reply, faulty
from tests.support.mlflow_runs import Trainer
from tests.support.mlflow_server import MlflowServer
from tests.support.mlflow_store import START, Store

METRICS = {"loss", "grad_norm", "epoch"}


class BusyTrainer:
    """Logs one more record whenever the history of a metric is asked for."""

    def __init__(self, trainer: Trainer, step: int) -> None:
        self._trainer = trainer
        self._step = step
        self.logged: set[int] = set()

    def log(self, path: str = "get-history") -> Reply | None:
        """Log the next record before the request is passed on."""
        if "get-history" in path:
            at = (START + 1_000 + len(self.logged)) * 1000
            self._trainer.log(self._step, at, **dict.fromkeys(METRICS, 1.0))
            self.logged.add(at // 1000)
            self._step += 1
        return None


@pytest.fixture
def proxy(server: MlflowServer) -> Iterator[FaultyServer]:
    """A server in front of the real one, whose requests can be listened to."""
    with faulty(server.port) as proxy:
        yield proxy


def whole_records(updates: Iterable[RunUpdate]) -> set[int]:
    """Return the times of all records, after checking that no update holds a part of one."""
    times: set[int] = set()
    for update in updates:
        records = defaultdict(set)
        for point in update.points:
            records[round(point.time)].add(point.metric)
        assert all(metrics == METRICS for metrics in records.values())
        assert not times & records.keys()
        times |= records.keys()
    return times


def test_records_logged_meanwhile_are_told_whole(remote: Store, proxy: FaultyServer) -> None:
    run = remote.begin()
    watcher = remote.watch(tracking_uri=proxy.uri)
    busy = BusyTrainer(run, step=1)
    busy.log()
    proxy.fault = busy.log
    for poll in range(4):
        watcher.poll(START + 1_000 + 15 * poll)
    proxy.fault = None
    watcher.poll(START + 1_090)
    assert whole_records(watcher.updates) == busy.logged
    assert len(busy.logged) > 10


def test_so_are_those_of_a_run_resumed_below_its_old_end(
    remote: Store, proxy: FaultyServer
) -> None:
    run = remote.begin()
    run.points([(key, step, (START + step) * 1000, 1.0) for key in METRICS for step in range(900)])
    watcher = remote.watch(tracking_uri=proxy.uri)
    watcher.poll(START + 900)
    watcher.updates.clear()
    busy = BusyTrainer(run, step=500)
    busy.log()
    proxy.fault = busy.log
    for poll in range(4):
        watcher.poll(START + 1_100 + 15 * poll)
    assert watcher.updates[-1].points, "news are told while the trainer is busy"
    proxy.fault = None
    watcher.poll(START + 1_200)
    assert whole_records(watcher.updates) == busy.logged
    assert len(busy.logged) > 10
