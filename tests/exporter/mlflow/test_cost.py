"""A poll costs requests by what is active and new, not by what is stored."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.mlflow_bulk import Bulk, extend, fill
from tests.support.mlflow_faults import FaultyServer, faulty
from tests.support.mlflow_server import MlflowServer
from tests.support.mlflow_store import START, Store

METRICS = ("loss", "grad_norm", "epoch", "reward")
JUDGED = 3
IDLE = 3


@pytest.fixture
def counted(server: MlflowServer) -> Iterator[FaultyServer]:
    """A server in front of the real one that counts requests and bytes."""
    with faulty(server.port) as proxy:
        yield proxy


def active(runs: int, points: int) -> Bulk:
    """Return runs whose last point was logged just before the test begins."""
    return Bulk((START - points * 10) * 1000, runs, METRICS, points, params=5)


def test_an_idle_poll_takes_three_requests_whatever_is_stored(
    remote: Store, server: MlflowServer, counted: FaultyServer
) -> None:
    fill(server.database, remote.experiment, active(20, 50))
    watcher = remote.watch(tracking_uri=counted.uri)
    watcher.poll(START)
    counted.requests.clear()
    assert watcher.poll(START + 15) == []
    asked = [request.path.removeprefix("/api/2.0/mlflow/") for request in counted.requests]
    assert asked == ["experiments/search", "runs/search", "runs/search"]


def test_news_of_many_runs_share_their_requests(
    remote: Store, server: MlflowServer, counted: FaultyServer
) -> None:
    bulk = active(60, 100)
    run_ids = fill(server.database, remote.experiment, bulk)
    watcher = remote.watch(tracking_uri=counted.uri)
    watcher.poll(START)
    extend(server.database, run_ids, bulk, first=100, points=3)
    counted.requests.clear()
    updates = watcher.poll(START + 30)
    assert {len(update.points) for update in updates} == {3 * JUDGED}
    assert len(updates) == 60
    assert len(counted.requests) == IDLE + JUDGED
    assert all(len(request.path) < 4_094 for request in counted.requests)


def test_the_length_of_a_history_does_not_matter(
    remote: Store, server: MlflowServer, counted: FaultyServer
) -> None:
    sizes = []
    for points in (100, 2_000):
        bulk = active(1, points)
        run_ids = fill(server.database, remote.experiment, bulk)
        watcher = remote.watch(tracking_uri=counted.uri)
        watcher.poll(START)
        extend(server.database, run_ids, bulk, first=points, points=3)
        counted.requests.clear()
        watcher.poll(START + 30)
        history = [request for request in counted.requests if "get-history" in request.path]
        sizes.append((len(history), sum(request.answered_bytes for request in history)))
    (few, small), (many, large) = sizes
    assert few == many == JUDGED
    assert large < 1.2 * small
