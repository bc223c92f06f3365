"""An hour without a server: told once, shown all the time, asked seldom, and caught up with."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from exporter.board import Board
from exporter.polling import Poller
from exporter.snapshot import Reading, Runs
from tests.support.mlflow_faults import Fault, FaultyServer, faulty, html, status, truncated
from tests.support.mlflow_server import MlflowServer
from tests.support.mlflow_store import START, Store
from tests.support.mlflow_watcher import Watcher

HOUR = 3_600.0
OPENING = 2
"""Requests that find out what a server is, each time until one of them is answered."""
FAULTS: dict[str, Fault] = {
    **{str(code): status(code) for code in (401, 403, 429, 500, 502, 503)},
    "login page": html,
    "broken off": truncated,
}


class Daemon:
    """A poller of the source under a clock that tests turn; waits are as short as they get."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self.board = Board()
        self.now = float(START)
        self._poller = Poller(watcher.source, self.board, jitter=lambda: 0.0)

    def run(self, seconds: float) -> None:
        """Tick for so long."""
        end = self.now + seconds
        while self.now < end:
            self.now += self._poller.tick(self.now)
            self._watcher.drain()

    @property
    def reading(self) -> Reading[Runs]:
        """What the page is made of."""
        return self.board.read()["mlflow"]


@pytest.fixture
def proxy(server: MlflowServer) -> Iterator[FaultyServer]:
    with faulty(server.port) as proxy:
        yield proxy


@pytest.mark.parametrize("name", FAULTS)
def test_an_hour_of_outage(
    name: str, remote: Store, proxy: FaultyServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tunewatch")
    run = remote.begin()
    run.log(1, START * 1000, loss=1.0)
    watcher = remote.watch(tracking_uri=proxy.uri)
    daemon = Daemon(watcher)
    daemon.run(1)
    proxy.fault = FAULTS[name]
    before = proxy.arrived
    daemon.run(HOUR)
    asked = proxy.arrived - before
    assert asked <= OPENING * HOUR / watcher.source.interval, "no oftener than while all was well"
    [told] = [r for r in caplog.records if "is down" in r.getMessage()]
    health = daemon.reading.health
    assert not health.up
    assert health.problem in told.getMessage()
    assert daemon.reading.data is not None, "what is known of runs stays on the page"
    run.log(2, (START + 1_800) * 1000, loss=2.0)
    proxy.fault = None
    daemon.run(60)
    assert daemon.reading.health.up
    assert [point[1] for point in sorted(watcher.points(run.run_id))] == [1, 2]
