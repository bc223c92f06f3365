"""A lost GPU costs itself alone, and comes back when it answers again."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from exporter.simulation import H100, Return, SimulatedGpus, SimulatedLibrary, installed
from exporter.simulation.functions import DEVICE_FUNCTIONS
from exporter.simulation.hardware import SimulatedGpu
from exporter.snapshot import Gpu, Gpus
from exporter.sources import SourceDown
from exporter.sources.nvml import NvmlSource
from exporter.sources.nvml.bus import Bus
from tests.support.gpus import all_timeless, timeless

REMEDY = "see the Xid lines of the kernel log, and reboot the host"
BY_INDEX = "nvmlDeviceGetHandleByIndex_v2"

each_way_to_go = pytest.mark.parametrize(
    ("symbol", "code"),
    [
        ("*", Return.GPU_IS_LOST),
        ("*", Return.RESET_REQUIRED),
        ("*", Return.UNKNOWN),
        ("nvmlDeviceGetPowerUsage", Return.GPU_IS_LOST),
        ("nvmlDeviceGetMemoryInfo_v2", Return.RESET_REQUIRED),
    ],
)


class Shrinking(SimulatedGpus):
    """GPUs of which the first may go, so that the others move up."""

    _gone = 0

    def without_the_first(self) -> None:
        self.count -= 1
        self._gone += 1

    def gpu(self, index: int) -> SimulatedGpu:
        return super().gpu(index + self._gone)


def plug_in(bus: Path, count: int) -> None:
    """Put GPUs on the bus that the driver holds."""
    for slot in range(count):
        device = bus / f"0000:{slot}b:00.0"
        device.mkdir()
        (device / "vendor").write_text("0x10de\n")
        (device / "class").write_text("0x030200\n")
        (device / "driver").symlink_to("../../../bus/pci/drivers/nvidia")


def indices(reading: Gpus) -> list[int]:
    return [gpu.index for gpu in reading.gpus]


@each_way_to_go
def test_a_lost_gpu_drops_only_itself_and_returns(
    library: SimulatedLibrary, source: NvmlSource, symbol: str, code: Return
) -> None:
    library.gpus.count = 3
    healthy = all_timeless(source.collect(0.0))
    library.faults.fail(code, symbol, device=1)
    for now in (10.0, 20.0):
        hurt = all_timeless(source.collect(now))
        assert hurt.gpus == (healthy.gpus[0], healthy.gpus[2])
        assert hurt.lost == (healthy.gpus[1].uuid,)
        assert hurt.seen == 3
    library.faults.clear(symbol, device=1)
    assert all_timeless(source.collect(30.0)) == healthy
    assert library.sessions == 1


@each_way_to_go
def test_a_gpu_that_is_lost_from_the_start_may_come_too(
    library: SimulatedLibrary, source: NvmlSource, symbol: str, code: Return
) -> None:
    library.faults.fail(code, symbol, device=0)
    reading = source.collect(0.0)
    assert indices(reading) == [1]
    assert len(reading.lost) == 1
    library.faults.clear(symbol, device=0)
    assert indices(source.collect(10.0)) == [0, 1]


def test_a_gpu_that_never_answered_has_no_uuid_to_be_named_by(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    library.faults.fail(Return.GPU_IS_LOST, device=0)
    assert source.collect(0.0).lost == ("unknown, index 0",)


def test_loss_and_return_are_logged_once_each(
    library: SimulatedLibrary, source: NvmlSource, caplog: pytest.LogCaptureFixture
) -> None:
    library.hide("nvmlDeviceGetFanSpeed")
    source.collect(0.0)
    caplog.clear()
    caplog.set_level(logging.INFO, "tunewatch")
    for start in (10.0, 1000.0):
        library.faults.fail(Return.GPU_IS_LOST, device=1)
        for now in (start, start + 10, start + 400):
            source.collect(now)
        library.faults.clear(device=1)
        for now in (start + 410, start + 420):
            source.collect(now)
    uuid = library.gpus.gpu(1).uuid
    assert [record.message for record in caplog.records] == [
        f"GPU 1 ({uuid}) does not answer: GPU_IS_LOST; its series end until it does; {REMEDY}",
        f"GPU 1 ({uuid}) answers again",
    ] * 2


def test_a_gpu_that_stays_lost_gets_a_new_init_now_and_then(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    library.faults.fail(Return.GPU_IS_LOST, device=1)
    sessions = []
    for now in (0.0, 290.0, 300.0, 310.0, 600.0):
        source.collect(now)
        sessions.append(library.sessions)
    assert sessions == [1, 1, 2, 2, 3]
    assert library.users == 1


def test_a_gpu_that_we_may_not_open_is_left_out_and_not_called_lost(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    library.faults.fail(Return.NO_PERMISSION, BY_INDEX, device=0)
    reading = source.collect(0.0)
    assert (indices(reading), reading.seen, reading.lost) == ([1], 2, ())


def test_a_card_that_supports_nothing_is_still_there(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    for symbol in DEVICE_FUNCTIONS.keys() - {"nvmlDeviceGetUUID", "nvmlDeviceGetName"}:
        library.faults.fail(Return.NOT_SUPPORTED, symbol, device=1)
    uuid = library.gpus.gpu(1).uuid
    for now in (0.0, 10.0):
        assert timeless(source.collect(now).gpus[1]) == Gpu(1, uuid, name=H100.name)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_gpus_that_come_or_go_are_found(
    library: SimulatedLibrary, source: NvmlSource, count: int
) -> None:
    source.collect(0.0)
    library.gpus.count = count
    reading = source.collect(10.0)
    assert indices(reading) == list(range(count))
    assert (reading.seen, reading.lost) == (count, ())
    assert (library.sessions, library.users) == (2, 1)


def test_the_last_gpu_may_go_and_another_come(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    source.collect(0.0)
    library.gpus.count = 0
    for now in (10.0, 20.0):
        with pytest.raises(SourceDown, match="shows no GPU"):
            source.collect(now)
        assert library.users == 0
    library.gpus.count = 1
    assert indices(source.collect(30.0)) == [0]


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (Return.UNKNOWN, "nothing but 'unknown error'"),
        (Return.NO_PERMISSION, "refuses us access"),
    ],
    ids=str,
)
def test_when_no_gpu_may_be_read_the_library_is_initialised_anew(
    library: SimulatedLibrary, source: NvmlSource, code: Return, problem: str
) -> None:
    healthy = all_timeless(source.collect(0.0))
    for device in (0, 1):
        library.faults.fail(code, device=device)
    with pytest.raises(SourceDown, match=problem):
        source.collect(10.0)
    for device in (0, 1):
        library.faults.clear(device=device)
    assert all_timeless(source.collect(20.0)) == healthy
    assert (library.sessions, library.users) == (2, 1)


@pytest.mark.parametrize("code", [Return.GPU_IS_LOST, Return.RESET_REQUIRED], ids=str)
def test_that_every_gpu_is_lost_is_a_reading(
    library: SimulatedLibrary, source: NvmlSource, code: Return
) -> None:
    uuids = tuple(gpu.uuid for gpu in source.collect(0.0).gpus)
    for device in (0, 1):
        library.faults.fail(code, device=device)
    nothing = source.collect(10.0)
    assert (nothing.gpus, nothing.seen, nothing.lost) == ((), 2, uuids)
    assert [silent.uuid for silent in nothing.unanswered] == list(uuids)
    for device in (0, 1):
        library.faults.clear(device=device)
    assert indices(source.collect(20.0)) == [0, 1]


def test_a_driver_that_shows_none_of_its_gpus_is_a_reading(
    library: SimulatedLibrary, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tunewatch")
    plug_in(tmp_path, 2)
    source = NvmlSource(bus=Bus(tmp_path, {}))
    library.gpus.count = 0
    nothing = source.collect(0.0)
    assert (nothing.gpus, nothing.seen, nothing.lost, nothing.expected) == ((), 0, (), 2)
    library.gpus.count = 1
    assert source.collect(10.0).seen == 1
    library.gpus.count = 2
    assert indices(source.collect(20.0)) == [0, 1]
    told = [line for line in caplog.messages if "PCI bus" in line]
    assert told == [
        (
            "the driver shows 0 of the 2 GPUs that are on the PCI bus: see the lines with NVRM and"
            " Xid in the kernel log, and reboot the host"
        ),
        "the driver shows all GPUs that are on the PCI bus",
    ]


def test_a_gpu_that_is_not_counted_gets_a_new_init_now_and_then(
    library: SimulatedLibrary, tmp_path: Path
) -> None:
    plug_in(tmp_path, 3)
    source = NvmlSource(bus=Bus(tmp_path, {}))
    sessions = []
    for now in (0.0, 290.0, 300.0, 310.0, 600.0):
        source.collect(now)
        sessions.append(library.sessions)
    assert sessions == [1, 1, 2, 2, 3]
    assert library.users == 1


def test_nobody_is_called_lost_by_the_name_of_one_that_answers() -> None:
    gpus = Shrinking(3)
    with installed(SimulatedLibrary(gpus)) as library:
        source = NvmlSource()
        uuids = [gpu.uuid for gpu in source.collect(0.0).gpus]
        gpus.without_the_first()
        library.faults.fail(Return.GPU_IS_LOST, device=1)
        reading = source.collect(10.0)
    assert [gpu.uuid for gpu in reading.gpus] == uuids[1:2]
    assert [(silent.uuid, silent.answered_at) for silent in reading.unanswered] == [
        ("unknown, index 1", None)
    ]
