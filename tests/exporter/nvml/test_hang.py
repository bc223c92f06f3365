"""A GPU whose calls do not return costs itself; what can be read is read, and it is named."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from exporter.board import Board
from exporter.polling import Poller
from exporter.simulation import Hang, Return, SimulatedLibrary
from exporter.snapshot import Gpus
from exporter.sources import SourceDown
from exporter.sources.nvml import NvmlSource
from tests.support.program import eventually

POWER = "nvmlDeviceGetPowerUsage"
BY_INDEX = "nvmlDeviceGetHandleByIndex_v2"
PATIENCE = 30.0


@pytest.fixture
def impatient(library: SimulatedLibrary) -> NvmlSource:
    """Return a source of three GPUs that soon takes a call for one that hangs."""
    library.gpus.count = 3
    source = NvmlSource(simulated=True, patience=0.5)
    source.watch._wait_milliseconds, source.watch._patience = 1, 0.05
    return source


@pytest.fixture
def hang(library: SimulatedLibrary, impatient: NvmlSource) -> Iterator[Hang]:
    """Let the second GPU hang after a good collection; afterwards it returns."""
    impatient.collect(0.0)
    hang = library.faults.hang(POWER, device=1)
    yield hang
    hang.release()
    eventually(lambda: not impatient._lasting.hands.inside())


def indices(reading: Gpus) -> list[int]:
    return [gpu.index for gpu in reading.gpus]


def test_the_others_are_read_and_the_one_that_hangs_is_named(
    hang: Hang, impatient: NvmlSource, caplog: pytest.LogCaptureFixture
) -> None:
    uuid = impatient.collect(0.0).lost[0]
    for now in (10.0, 20.0, 400.0):
        reading = impatient.collect(now)
        assert indices(reading) == [0, 2]
        assert (reading.seen, reading.lost) == (3, (uuid,))
        assert [(gpu.index, gpu.reason) for gpu in reading.unanswered] == [(1, "TIMEOUT")]
    assert hang.entered.is_set()
    (line,) = caplog.messages
    assert line.startswith(
        f"GPU 1 ({uuid}) does not answer: TIMEOUT; its series end until it does;"
    )
    assert line.endswith("; a call does not return; see the host's kernel log and reboot it")


def test_a_gpu_that_hangs_is_called_once_however_long(hang: Hang, impatient: NvmlSource) -> None:
    begun = threading.active_count()
    for now in (10.0, 20.0, 30.0, 40.0):
        impatient.collect(now)
    assert hang.entered.is_set()
    assert threading.active_count() <= begun + 1


def test_it_is_read_again_when_the_call_returns(
    hang: Hang, library: SimulatedLibrary, impatient: NvmlSource
) -> None:
    impatient.collect(10.0)
    hang.release()
    eventually(lambda: indices(impatient.collect(20.0)) == [0, 1, 2])
    assert library.sessions == 1


def test_a_gpu_that_is_slow_to_open_comes_when_it_is_open(
    library: SimulatedLibrary, impatient: NvmlSource
) -> None:
    """Without persistence mode the first touch may take half a minute."""
    slow = library.faults.hang(BY_INDEX, device=2)
    assert indices(impatient.collect(0.0)) == [0, 1]
    slow.release()
    eventually(lambda: indices(impatient.collect(10.0)) == [0, 1, 2])


def test_while_a_call_is_under_way_the_library_is_not_shut_down(
    hang: Hang, library: SimulatedLibrary, impatient: NvmlSource
) -> None:
    impatient.collect(10.0)
    library.gpus.count = 2
    assert indices(impatient.collect(20.0)) == [0]
    assert library.sessions == 1
    hang.release()
    eventually(lambda: not impatient._lasting.hands.inside())
    library.gpus.count = 3
    assert indices(impatient.collect(30.0)) == [0, 1, 2]
    assert (library.sessions, library.users) == (2, 1)


def test_when_every_gpu_hangs_the_source_is_down_and_says_so(
    library: SimulatedLibrary, impatient: NvmlSource
) -> None:
    hang = library.faults.hang(POWER)
    with pytest.raises(SourceDown, match="no GPU returns from a call") as down:
        impatient.collect(0.0)
    assert "kernel log" in down.value.remedy
    hang.release()
    eventually(lambda: not impatient._lasting.hands.inside())
    assert indices(impatient.collect(10.0)) == [0, 1, 2]


def test_a_driver_that_hangs_cannot_be_given_back_until_it_returns(
    hang: Hang, library: SimulatedLibrary, impatient: NvmlSource
) -> None:
    impatient.collect(10.0)
    impatient.release()
    with pytest.raises(SourceDown, match="cannot be given back") as down:
        impatient.collect(20.0)
    assert "end this process" in down.value.remedy
    assert library.users == 1
    hang.release()
    eventually(lambda: not impatient._lasting.hands.inside())
    with pytest.raises(SourceDown, match="given back on purpose"):
        impatient.collect(30.0)
    assert library.users == 0


def test_a_wait_for_xids_that_hangs_costs_no_reading(
    library: SimulatedLibrary, impatient: NvmlSource
) -> None:
    impatient.collect(0.0)
    hang = library.faults.hang("nvmlEventSetWait_v2")
    waiter = threading.Thread(target=impatient.watch.tick, args=(0.0,))
    waiter.start()
    assert hang.entered.wait(PATIENCE)
    board = Board()
    poller = Poller(impatient, board)
    for now in (10.0, 20.0):
        poller.tick(now)
        data = board.read()["nvml"].data
        assert data is not None
        assert indices(data) == [0, 1, 2]
    hang.release()
    waiter.join(PATIENCE)


def test_a_wait_for_xids_that_hangs_leaves_the_library_open(
    library: SimulatedLibrary, impatient: NvmlSource
) -> None:
    impatient.collect(0.0)
    hang = library.faults.hang("nvmlEventSetWait_v2")
    waiter = threading.Thread(target=impatient.watch.tick, args=(0.0,))
    waiter.start()
    assert hang.entered.wait(PATIENCE)
    library.faults.fail(Return.UNINITIALIZED, POWER)
    with pytest.raises(SourceDown):
        impatient.collect(10.0)
    library.faults.clear(POWER)
    assert (library.sessions, library.users) == (1, 1)
    assert indices(impatient.collect(20.0)) == [0, 1, 2]
    hang.release()
    waiter.join(PATIENCE)
    impatient.release()
    with pytest.raises(SourceDown, match="given back on purpose"):
        impatient.collect(30.0)
    assert (library.users, library.events.open_sets, library.events.abandoned) == (0, 0, 0)
