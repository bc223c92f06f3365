"""The driver is given back when a person asks, so that it can be unloaded, and taken again."""

from __future__ import annotations

import logging
import threading

import pytest

from alerts.rules.source import judge
from exporter.board import Board
from exporter.bridge import observations
from exporter.metrics.health import source_states
from exporter.polling import Poller
from exporter.simulation import Return, SimulatedLibrary
from exporter.sources import SourceReleased
from exporter.sources.nvml import NvmlSource
from tests.support.program import eventually

INTERVALS = {"nvml": 10.0}


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def poller(source: NvmlSource, board: Board) -> Poller:
    source.watch._wait_milliseconds = 1
    return Poller(source, board)


def test_nothing_of_the_driver_is_held_once_it_was_given_back(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    source.collect(0.0)
    source.watch.tick(0.0)
    assert (library.users, library.events.open_sets) == (1, 1)
    source.release()
    for now in (10.0, 20.0):
        with pytest.raises(SourceReleased, match="send this process SIGUSR2 to take it back"):
            source.collect(now)
        source.watch.tick(now)
        assert (library.users, library.events.open_sets) == (0, 0)
    assert library.events.abandoned == 0
    library.faults.fail(Return.DRIVER_NOT_LOADED)
    with pytest.raises(SourceReleased):
        source.collect(30.0)


def test_it_is_taken_again_with_its_counters(library: SimulatedLibrary, source: NvmlSource) -> None:
    source.collect(0.0)
    source.watch.tick(0.0)
    library.events.xid(0, 79)
    source.watch.tick(1.0)
    source.release()
    with pytest.raises(SourceReleased):
        source.collect(10.0)
    source.take_back()
    assert source.collect(20.0).gpus[0].xids[79] == 1
    source.watch.tick(20.0)
    assert library.events.watched(0)
    assert (library.sessions, library.users) == (2, 1)


def test_who_never_held_the_driver_has_nothing_to_give_back(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    source.release()
    with pytest.raises(SourceReleased):
        source.collect(0.0)
    assert library.sessions == 0
    source.take_back()
    assert len(source.collect(10.0).gpus) == 2


def test_a_wait_for_xids_under_way_ends_first(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    source.watch._wait_milliseconds = 200
    source.collect(0.0)
    waiter = threading.Thread(target=source.watch.tick, args=(0.0,))
    waiter.start()
    eventually(lambda: library.events.open_sets == 1)
    source.release()
    with pytest.raises(SourceReleased):
        source.collect(10.0)
    waiter.join()
    assert (library.users, library.events.abandoned) == (0, 0)


@pytest.mark.usefixtures("library")
def test_a_source_that_was_given_back_is_down_and_not_missed(
    source: NvmlSource, board: Board, poller: Poller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tunewatch.source")
    poller.tick(0.0)
    assert caplog.messages == ["nvml is up"]
    caplog.clear()
    source.release()
    delays = [poller.tick(now) for now in (10.0, 20.0, 4000.0)]
    assert max(delays) <= 60
    reading = board.read()["nvml"]
    assert reading.data is None
    health = reading.health
    assert (health.up, health.released, health.failures) == (False, True, 0)
    states = source_states(board, INTERVALS, 4000.0)
    (seen,) = observations(board.read(), states, (), "node-1").sources
    assert (seen.up, seen.released) == (False, True)
    found = judge(seen, None, 4000.0)
    assert found is not None
    assert found.outcome == "clear"
    source.take_back()
    poller.tick(4010.0)
    assert board.read()["nvml"].health.up
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO"]
    assert caplog.messages[0].startswith("nvml is down: NVML was given back on purpose, so that")
    assert caplog.messages[0].endswith(": send this process SIGUSR2 to take it back")
    assert caplog.messages[1] == "nvml is up again"


def test_one_that_cannot_be_taken_again_is_missed(
    library: SimulatedLibrary, source: NvmlSource, board: Board, poller: Poller
) -> None:
    poller.tick(0.0)
    source.release()
    poller.tick(10.0)
    source.take_back()
    library.faults.fail(Return.DRIVER_NOT_LOADED)
    poller.tick(20.0)
    health = board.read()["nvml"].health
    assert (health.up, health.expected, health.released, health.failures) == (False, True, False, 1)
    assert "modprobe nvidia" in health.problem
