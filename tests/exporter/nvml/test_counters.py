"""What happens between two collections is counted, and outlives the library's sessions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.simulation import (
    Return,
    SimulatedGpu,
    SimulatedGpus,
    SimulatedLibrary,
    installed,
)
from exporter.snapshot import Gpu
from exporter.sources import SourceDown
from exporter.sources.nvml import Bus, NvmlSource
from exporter.sources.nvml.xids import FATAL

SAMPLES = "nvmlDeviceGetSamples"
UTILIZATION = "nvmlDeviceGetUtilizationRates"
START = 1_760_000_000.0


class Machine:
    """Two GPUs, the clock that they and their reader share, and the reader."""

    def __init__(self) -> None:
        self.now = START
        self.library = SimulatedLibrary(SimulatedGpus(2, clock=lambda: self.now))
        self.source = NvmlSource(simulated=True)
        self.source.watch._wait_milliseconds = 1

    def collect(self, after: float = 10.0) -> Gpu:
        """Let time pass, collect, and return the second GPU."""
        self.now += after
        return self.source.collect(self.now).gpus[1]

    def listen(self) -> None:
        """Give the thread that waits for Xids its turn."""
        self.source.watch.tick(self.now)

    def load(self, begin: float, end: float) -> float:
        """Return how long the second GPU was busy between two times."""
        gpu = self.library.gpus.gpu(1)
        return replace(gpu, now=end).busy_seconds - replace(gpu, now=begin).busy_seconds


@pytest.fixture
def machine() -> Iterator[Machine]:
    machine = Machine()
    with installed(machine.library):
        yield machine


def test_busy_seconds_are_the_integral_of_the_load(machine: Machine) -> None:
    first = machine.collect().busy_seconds
    for _ in range(30):
        last = machine.collect()
    assert first is not None
    assert last.busy_seconds is not None
    assert last.busy_gap_seconds == 0
    begin = START + 10
    assert last.busy_seconds - first == pytest.approx(machine.load(begin, begin + 300), rel=0.002)


@pytest.mark.parametrize("interval", [3.0, 10.0, 13.8])
def test_busy_seconds_do_not_depend_on_how_often_they_are_read(
    machine: Machine, interval: float
) -> None:
    while machine.now < START + 120:
        gpu = machine.collect(interval)
    machine.collect(0.0)
    assert gpu.busy_seconds == pytest.approx(machine.load(START, machine.now), rel=0.005)
    assert gpu.busy_gap_seconds == 0


def test_a_driver_that_samples_no_more_has_no_idle_gpu(machine: Machine) -> None:
    machine.collect()
    machine.library.faults.fail(Return.NOT_FOUND, SAMPLES)
    assert [machine.collect().busy_seconds is None for _ in range(4)] == [False, False, True, True]
    machine.library.faults.clear(SAMPLES)
    again = machine.collect()
    assert again.busy_seconds is not None
    assert again.busy_gap_seconds == pytest.approx(50 - 14, abs=0.3)


def test_a_ring_that_ran_over_is_a_gap_and_not_invented(machine: Machine) -> None:
    machine.collect()
    before = machine.collect()
    after = machine.collect(60.0)
    assert before.busy_seconds is not None
    assert after.busy_seconds is not None
    assert after.busy_gap_seconds == pytest.approx(60 - 14, abs=0.3)
    assert after.busy_gap_seconds is not None
    begin = START + 20 + after.busy_gap_seconds
    assert after.busy_seconds - before.busy_seconds == pytest.approx(
        machine.load(begin, machine.now), rel=0.01
    )


def test_power_extremes_are_those_of_the_samples(machine: Machine) -> None:
    gpu = machine.collect()
    moments = [machine.now - step / 50 for step in range(119)]
    drawn = [replace(machine.library.gpus.gpu(1), now=moment).power for moment in moments]
    assert gpu.power_min == pytest.approx(min(drawn), abs=0.05)
    assert gpu.power_max == pytest.approx(max(drawn), abs=0.05)


def test_a_peak_of_power_is_shown_for_a_minute(machine: Machine) -> None:
    usual = machine.library.gpus.board
    machine.library.gpus.board = replace(usual, power_limit=2000.0)
    peak = machine.collect().power_max
    machine.library.gpus.board = usual
    shown = [machine.collect().power_max for _ in range(7)]
    assert peak is not None
    assert shown[:5] == [peak] * 5
    assert shown[6] is not None
    assert shown[6] < 700


def test_where_there_are_no_rings_the_series_are_absent(machine: Machine) -> None:
    machine.library.faults.fail(Return.NOT_SUPPORTED, SAMPLES)
    gpu = machine.collect()
    assert (gpu.busy_seconds, gpu.busy_gap_seconds) == (None, None)
    assert (gpu.power_min, gpu.power_max) == (None, None)
    assert gpu.utilization is not None


def test_an_empty_ring_is_asked_again(machine: Machine) -> None:
    machine.library.faults.fail(Return.NOT_FOUND, SAMPLES)
    assert machine.collect().busy_seconds is None
    machine.library.faults.clear(SAMPLES)
    assert machine.collect().busy_seconds is not None


def pause_of_samples(machine: Machine) -> float:
    """Return the gap that half a minute without samples leaves."""
    machine.collect()
    machine.library.faults.fail(Return.NOT_FOUND, SAMPLES)
    for _ in range(3):
        machine.collect()
    machine.library.faults.clear(SAMPLES)
    gap = machine.collect().busy_gap_seconds
    assert gap is not None
    return gap


def test_samples_that_cease_under_load_leave_a_gap(machine: Machine) -> None:
    assert pause_of_samples(machine) > 20


def test_samples_that_cease_on_an_idle_gpu_leave_none(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimulatedGpu, "load", 0.0)
    assert pause_of_samples(machine) == 0


def test_a_gpu_that_does_not_tell_its_load_is_not_called_idle(machine: Machine) -> None:
    machine.library.faults.fail(Return.NOT_SUPPORTED, UTILIZATION)
    assert pause_of_samples(machine) > 20


def test_counters_survive_a_new_init(machine: Machine) -> None:
    machine.collect()
    machine.listen()
    machine.library.events.xid(1, 94)
    machine.listen()
    before = machine.collect()
    machine.library.faults.fail(Return.DRIVER_NOT_LOADED, "nvmlDeviceGetCount_v2")
    with pytest.raises(SourceDown):
        machine.collect(1.0)
    machine.library.faults.clear("nvmlDeviceGetCount_v2")
    after = machine.collect(1.0)
    assert machine.library.sessions == 2
    assert machine.library.events.abandoned == 0
    assert before.xids[94] == after.xids[94] == 1
    assert after.xid_at == {94: START + 10}
    assert before.busy_seconds is not None
    since = machine.load(START + 20, START + 22)
    assert after.busy_seconds == pytest.approx(before.busy_seconds + since, rel=0.02)
    assert after.busy_gap_seconds == 0


def test_xids_are_counted_by_gpu_and_code(machine: Machine) -> None:
    assert machine.collect().xids == {}, "nobody listens yet"
    machine.listen()
    assert machine.collect().xids == dict.fromkeys(FATAL, 0)
    for code in (79, 31, 79):
        machine.library.events.xid(1, code)
        machine.listen()
    gpu = machine.collect()
    assert gpu.xids == {**dict.fromkeys(FATAL, 0), 79: 2, 31: 1}
    assert set(gpu.xid_at) == {79, 31}
    assert machine.source.collect(machine.now).gpus[0].xids[79] == 0


def test_a_gpu_that_fell_off_the_bus_still_tells_its_xids(machine: Machine) -> None:
    machine.collect()
    machine.listen()
    machine.library.events.xid(1, 79)
    machine.listen()
    machine.library.faults.fail(Return.GPU_IS_LOST, device=1)
    reading = machine.source.collect(machine.now)
    (lost,) = reading.unanswered
    assert reading.lost == (lost.uuid,)
    assert (lost.reason, lost.xids[79], lost.xid_at[79]) == ("GPU_IS_LOST", 1, START + 10)


def test_while_a_wait_for_xids_hangs_their_counts_are_absent(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.collect()
    machine.listen()
    assert machine.collect(29.0).xids
    assert caplog.messages == []
    for _ in range(3):
        assert machine.collect(2.0).xids == {}
    (line,) = caplog.messages
    assert line.startswith("a wait for Xid errors does not return; their counts are absent until")
    machine.listen()
    assert machine.collect(2.0).xids


def test_the_bus_says_how_many_gpus_there_should_be(
    library: SimulatedLibrary, tmp_path: Path
) -> None:
    for slot in range(3):
        device = tmp_path / f"0000:{slot}b:00.0"
        device.mkdir()
        (device / "vendor").write_text("0x10de\n")
        (device / "class").write_text("0x030200\n")
        (device / "driver").symlink_to("../../../bus/pci/drivers/nvidia")
    reading = NvmlSource(bus=Bus(tmp_path, {})).collect(0.0)
    assert (reading.expected, reading.seen) == (3, library.gpus.count)
    assert NvmlSource().collect(0.0).expected is None


def test_a_gpu_that_comes_or_goes_keeps_the_counts_of_the_others(
    machine: Machine,
) -> None:
    machine.collect()
    machine.listen()
    machine.library.events.xid(1, 63)
    machine.listen()
    for count in (3, 2):
        machine.library.gpus.count = count
        gpu = machine.collect()
        machine.listen()
        assert gpu.xids[63] == 1
        assert gpu.busy_gap_seconds == 0
    assert machine.library.events.abandoned == 0
