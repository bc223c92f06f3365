"""What changes seldom is asked seldom, and what never changes once."""

from __future__ import annotations

import pytest

from exporter.simulation import Return, SimulatedLibrary
from exporter.sources.nvml import NvmlSource
from tests.support.gpus import EVERYTHING

TIMES = (*(10.0 * step for step in range(13)), 300.0, 310.0)
EACH_TIME = ("nvmlDeviceGetPowerUsage", "nvmlDeviceGetClockInfo", "nvmlDeviceGetFieldValues")
EVERY_MINUTE = (
    "nvmlDeviceGetBAR1MemoryInfo",
    "nvmlDeviceGetTotalEccErrors",
    "nvmlDeviceGetRemappedRows",
    "nvmlDeviceGetCurrPcieLinkWidth",
    "nvmlDeviceGetFanSpeed_v2",
)
EVERY_FIVE_MINUTES = (
    "nvmlDeviceGetRetiredPagesPendingStatus",
    "nvmlDeviceGetRowRemapperHistogram",
)
ONCE = (
    "nvmlDeviceGetName",
    "nvmlDeviceGetSerial",
    "nvmlDeviceGetUUID",
    "nvmlDeviceGetHandleByIndex_v2",
    "nvmlDeviceGetTemperatureThreshold",
)
NEVER = ("nvmlDeviceGetPcieThroughput", "nvmlDeviceGetPowerManagementLimit")


@pytest.fixture(autouse=True)
def one_full_card(library: SimulatedLibrary) -> None:
    library.gpus.board = EVERYTHING
    library.gpus.count = 1


def asked_at(library: SimulatedLibrary, source: NvmlSource, symbol: str) -> list[float]:
    """Return at which of the times a symbol was called."""
    times = []
    for now in TIMES:
        before = library.calls[symbol]
        source.collect(now)
        if library.calls[symbol] > before:
            times.append(now)
    return times


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        (EACH_TIME, list(TIMES)),
        (EVERY_MINUTE, [0.0, 60.0, 120.0, 300.0]),
        (EVERY_FIVE_MINUTES, [0.0, 300.0]),
        (ONCE, [0.0]),
        (NEVER, []),
    ],
    ids=["each time", "every minute", "every five minutes", "once", "never"],
)
def test_each_call_has_its_pace(
    library: SimulatedLibrary, symbols: tuple[str, ...], expected: list[float]
) -> None:
    for symbol in symbols:
        assert asked_at(library, NvmlSource(), symbol) == expected, symbol


def test_an_answer_is_shown_until_the_next(source: NvmlSource) -> None:
    first = source.collect(0.0).gpus[0]
    later = source.collect(50.0).gpus[0]
    assert later.remapped_rows == first.remapped_rows is not None
    assert later.nvlinks[0].errors == first.nvlinks[0].errors != {}
    assert later.name == first.name


def test_a_slow_answer_that_fails_is_gone_and_asked_for_at_once(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    source.collect(0.0)
    library.faults.fail(Return.UNKNOWN, "nvmlDeviceGetRemappedRows")
    assert source.collect(50.0).gpus[0].remapped_rows is not None
    assert source.collect(60.0).gpus[0].remapped_rows is None
    library.faults.clear("nvmlDeviceGetRemappedRows")
    assert source.collect(70.0).gpus[0].remapped_rows is not None


def test_a_clock_that_is_set_back_does_not_keep_an_answer_alive(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    source.collect(1e6)
    before = library.calls["nvmlDeviceGetRemappedRows"]
    source.collect(0.0)
    assert library.calls["nvmlDeviceGetRemappedRows"] == before + 1
