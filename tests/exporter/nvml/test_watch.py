"""Xid errors are counted as they come, whatever becomes of the thread that waits for them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pynvml
import pytest

from alerts.thresholds import XidTuning
from exporter.simulation import Return, SimulatedLibrary
from exporter.sources.nvml.watch import Watched, XidWatch
from exporter.sources.nvml.xids import FATAL, XidCounts, meaning

WAIT = "nvmlEventSetWait_v2"
PATIENCE = 30.0


class Guard:
    """A watch of two GPUs in an open library, which never waits long."""

    def __init__(self, library: SimulatedLibrary) -> None:
        self.library = library
        self.counts = XidCounts()
        self.watch = XidWatch(self.counts, wait_milliseconds=1, patience=0.05)
        self.uuids = [library.gpus.gpu(index).uuid for index in (0, 1)]
        self.follow()

    def follow(self, *indices: int) -> None:
        """Follow the GPUs with these indices, or both."""
        handles = [(i, pynvml.nvmlDeviceGetHandleByIndex(i)) for i in indices or (0, 1)]
        self.watch.follow([Watched(handle, i, self.uuids[i]) for i, handle in handles])

    def seen(self, index: int) -> dict[int, int]:
        """Return the codes that came, and how often."""
        return {code: n for code, n in self.counts.counts(self.uuids[index]).items() if n}


@pytest.fixture
def guard(library: SimulatedLibrary) -> Iterator[Guard]:
    pynvml.nvmlInit()
    guard = Guard(library)
    assert guard.watch.tick(100.0) == 0
    yield guard
    assert guard.watch.end()
    assert library.events.open_sets == 0
    pynvml.nvmlShutdown()
    assert library.events.abandoned == 0


def test_fatal_codes_count_from_zero(guard: Guard) -> None:
    assert guard.counts.counts(guard.uuids[1]) == dict.fromkeys(FATAL, 0)
    assert guard.counts.last(guard.uuids[1]) == {}
    assert guard.counts.counts("GPU-unheard-of") == {}


def test_every_xid_is_counted_for_its_gpu(guard: Guard) -> None:
    for index, code in ((1, 79), (0, 31), (1, 79), (1, 48)):
        guard.library.events.xid(index, code)
    for now in (101.0, 102.0, 103.0, 104.0, 105.0):
        assert guard.watch.tick(now) == 0
    assert guard.seen(0) == {31: 1}
    assert guard.seen(1) == {79: 2, 48: 1}
    assert guard.counts.last(guard.uuids[1]) == {79: 103.0, 48: 104.0}


def test_an_xid_is_told_with_what_to_do_and_a_storm_is_told_once(
    guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tunewatch")
    for now in (200.0, 201.0, 799.0, 801.0):
        guard.library.events.xid(1, 79)
        guard.watch.tick(now)
    line = f"GPU 1 ({guard.uuids[1]}) reports Xid 79: the GPU has fallen off the bus. The GPU does"
    assert [record.message.startswith(line) for record in caplog.records] == [True, True]
    assert all("rebooted" in line for line in caplog.messages)
    assert guard.seen(1) == {79: 4}


@pytest.mark.parametrize("code", [*FATAL, 13, 31, 999], ids=str)
def test_every_code_has_a_meaning_and_a_remedy_in_one_line(code: int) -> None:
    assert len(meaning(code)) > 60
    assert "\n" not in meaning(code)


def test_the_codes_that_count_from_zero_are_those_that_are_told() -> None:
    told = XidTuning()
    assert set(FATAL) == {*told.critical, *told.warning}


def test_a_gpu_that_comes_later_is_watched_too(guard: Guard) -> None:
    guard.follow(0)
    guard.watch.tick(101.0)
    assert guard.library.events.open_sets == 1
    guard.follow(0, 1)
    guard.watch.tick(102.0)
    guard.library.events.xid(0, 31)
    guard.watch.tick(103.0)
    assert guard.seen(0) == {31: 1}


def test_the_last_gpu_is_still_heard_when_it_is_lost(guard: Guard) -> None:
    guard.watch.follow(())
    guard.library.events.xid(1, 79)
    assert guard.watch.tick(101.0) == 0
    assert guard.seen(1) == {79: 1}
    assert guard.watch.end()
    assert guard.watch.tick(102.0) > 0, "nobody is in the driver once the session has ended"


def test_a_gpu_that_is_lost_is_still_heard(guard: Guard) -> None:
    guard.follow(0)
    guard.library.events.xid(1, 79)
    guard.watch.tick(101.0)
    assert guard.seen(1) == {79: 1}


@pytest.mark.parametrize("symbol", ["nvmlDeviceGetSupportedEventTypes", "nvmlDeviceRegisterEvents"])
def test_a_gpu_that_reports_no_xids_has_no_counts_and_costs_the_others_nothing(
    library: SimulatedLibrary, caplog: pytest.LogCaptureFixture, symbol: str
) -> None:
    caplog.set_level(logging.INFO, "tunewatch")
    pynvml.nvmlInit()
    library.faults.fail(Return.NOT_SUPPORTED, symbol, device=1)
    guard = Guard(library)
    for now in (1.0, 2.0):
        guard.watch.tick(now)
    assert guard.counts.counts(guard.uuids[1]) == {}
    (line,) = caplog.messages
    assert line.startswith(f"GPU 1 ({guard.uuids[1]}) does not report Xid errors: NOT_SUPPORTED;")
    library.events.xid(0, 48)
    guard.watch.tick(3.0)
    assert guard.seen(0) == {48: 1}


@pytest.mark.parametrize("code", [Return.NO_PERMISSION, Return.UNKNOWN])
def test_a_gpu_that_cannot_be_watched_now_is_tried_again_and_costs_the_others_nothing(
    library: SimulatedLibrary, caplog: pytest.LogCaptureFixture, code: Return
) -> None:
    pynvml.nvmlInit()
    library.faults.fail(code, "nvmlDeviceRegisterEvents", device=1)
    guard = Guard(library)
    for now in (0.0, 1.0, 59.0):
        library.events.xid(0, 48)
        assert guard.watch.tick(now) == 0
    assert guard.seen(0) == {48: 2}, "the first came before anybody listened"
    assert guard.counts.counts(guard.uuids[1]) == {}
    (line,) = (line for line in caplog.messages if "GPU 1" in line)
    assert f"does not report Xid errors: {code.name}; the kernel log of the host has" in line
    library.faults.clear("nvmlDeviceRegisterEvents", device=1)
    guard.watch.tick(60.0)
    library.events.xid(1, 79)
    guard.watch.tick(61.0)
    assert guard.seen(1) == {79: 1}


def test_a_driver_without_events_is_asked_once_in_a_session(library: SimulatedLibrary) -> None:
    pynvml.nvmlInit()
    library.hide("nvmlEventSetCreate")
    guard = Guard(library)
    assert guard.watch.tick(0.0) > 0
    library.show("nvmlEventSetCreate")
    assert guard.watch.tick(1e9) > 0
    assert library.events.open_sets == 0
    assert guard.watch.end()
    guard.follow()
    assert guard.watch.tick(1e9) == 0


@pytest.mark.parametrize("code", [Return.GPU_IS_LOST, Return.UNKNOWN, Return.UNINITIALIZED])
def test_a_wait_that_fails_is_begun_anew_later_and_later(guard: Guard, code: Return) -> None:
    guard.library.faults.fail(code, WAIT)
    tried = [now for now in range(200, 400) if _fails(guard, float(now))]
    assert tried == [200, 205, 215, 235, 275, 335, 395]
    assert guard.library.events.open_sets == 0
    guard.library.faults.clear(WAIT)
    assert guard.watch.tick(500.0) == 0
    guard.library.events.xid(0, 62)
    guard.watch.tick(501.0)
    assert guard.seen(0) == {62: 1}


def _fails(guard: Guard, now: float) -> bool:
    before = guard.watch._failures
    assert guard.watch.tick(now) > 0
    return guard.watch._failures > before


def test_counts_survive_the_session(guard: Guard) -> None:
    guard.library.events.xid(0, 95)
    guard.watch.tick(101.0)
    assert guard.watch.end()
    assert guard.watch.tick(102.0) > 0, "nobody is followed"
    pynvml.nvmlShutdown()
    pynvml.nvmlInit()
    guard.follow()
    guard.watch.tick(103.0)
    guard.library.events.xid(0, 95)
    guard.watch.tick(104.0)
    assert guard.seen(0) == {95: 2}


def test_a_wait_that_hangs_is_not_waited_for_and_goes_on_when_it_returns(guard: Guard) -> None:
    hang = guard.library.faults.hang(WAIT)
    waiter = threading.Thread(target=guard.watch.tick, args=(200.0,))
    waiter.start()
    assert hang.entered.wait(PATIENCE)
    assert not guard.watch.end()
    assert not guard.watch.silent(230.0)
    assert guard.watch.silent(231.0)
    hang.release()
    waiter.join(PATIENCE)
    guard.follow()
    guard.library.events.xid(1, 64)
    guard.watch.tick(300.0)
    assert guard.seen(1) == {64: 1}
    assert not guard.watch.silent(301.0)


def test_an_event_of_an_unknown_gpu_is_not_dropped_in_silence(
    guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    guard.watch._registered.popitem()
    guard.library.events.xid(1, 74)
    guard.watch._following = guard.watch._following[:1]
    guard.watch.tick(101.0)
    assert "an unknown GPU reports Xid 74: NVLink error. Jobs that use" in caplog.text
