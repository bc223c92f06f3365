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
NARROW = ["runs/search"]
WIDE = ["experiments/search", "runs/search", "runs/search"]
FINISHED = Bulk((START - 10**7) * 1000, runs=400, metrics=METRICS, points=20, status="FINISHED")


@pytest.fixture
def counted(server: MlflowServer) -> Iterator[FaultyServer]:
    """A server in front of the real one that counts requests and bytes."""
    with faulty(server.port) as proxy:
        yield proxy


def active(runs: int, points: int) -> Bulk:
    """Return runs whose last point was logged just before the test begins."""
    return Bulk((START - points * 10) * 1000, runs, METRICS, points, params=5)


def test_a_poll_without_news_takes_one_request_and_every_other_looks_around(
    remote: Store, server: MlflowServer, counted: FaultyServer
) -> None:
    fill(server.database, remote.experiment, active(20, 50))
    watcher = remote.watch(tracking_uri=counted.uri)
    watcher.poll(START)
    for later, expected in ((15, NARROW), (30, WIDE), (45, NARROW)):
        counted.requests.clear()
        assert watcher.poll(START + later) == []
        asked = [request.path.removeprefix("/api/2.0/mlflow/") for request in counted.requests]
        assert asked == expected


def test_runs_that_hang_for_days_cost_nothing(
    remote: Store, server: MlflowServer, counted: FaultyServer
) -> None:
    days_ago = Bulk((START - 3 * 86_400) * 1000, 300, METRICS, points=1)
    fill(server.database, remote.experiment, days_ago)
    fill(server.database, remote.experiment, active(1, 50))
    watcher = remote.watch(tracking_uri=counted.uri)
    watcher.poll(START)
    assert watcher.runs.skipped["stale"] == 300
    first = sum(request.answered_bytes for request in counted.requests)
    for later in (15, 30, 45):
        counted.requests.clear()
        watcher.poll(START + later)
        assert sum(request.answered_bytes for request in counted.requests) < first / 20
        assert watcher.runs.skipped["stale"] == 300


def test_finished_runs_cost_neither_requests_nor_bytes(
    remote: Store, server: MlflowServer, counted: FaultyServer
) -> None:
    bulk = active(5, 50)
    run_ids = fill(server.database, remote.experiment, bulk)
    watcher = remote.watch(tracking_uri=counted.uri)
    watcher.poll(START)
    costs = []
    for turn in (0, 1):
        extend(server.database, run_ids, bulk, first=50 + 3 * turn, points=3)
        counted.requests.clear()
        assert len(watcher.poll(START + 30 * (turn + 1))) == 5
        sizes = [request.answered_bytes for request in counted.requests]
        costs.append((len(sizes), sum(sizes)))
        fill(server.database, remote.experiment, FINISHED)
    (few, small), (many, large) = costs
    assert few == many == len(WIDE) + JUDGED
    assert large < 1.1 * small


def test_the_first_reading_is_not_followed_by_a_search_for_hidden_points(
    remote: Store, server: MlflowServer, counted: FaultyServer
) -> None:
    bulk = active(5, 50)
    run_ids = fill(server.database, remote.experiment, bulk)
    watcher = remote.watch(tracking_uri=counted.uri)
    watcher.poll(START)
    extend(server.database, run_ids, bulk, first=50, points=3)
    counted.requests.clear()
    watcher.poll(START + 300)
    assert len(counted.requests) == len(WIDE) + JUDGED


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
    assert len(counted.requests) == len(WIDE) + JUDGED
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
