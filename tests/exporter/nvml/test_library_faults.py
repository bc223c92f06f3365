"""While the whole library fails, people are told why and what to do, and it is tried again."""

from __future__ import annotations

import threading

import pytest

from exporter.simulation import Return, SimulatedLibrary
from exporter.snapshot import Gpus
from exporter.sources import SourceDown
from exporter.sources.nvml import NvmlSource
from exporter.sources.nvml.problems import PROBLEMS
from tests.support.gpus import all_timeless

INIT = "nvmlInitWithFlags"
PATIENCE = 30.0

at_init = pytest.mark.parametrize(
    ("code", "problem", "remedy"),
    [
        (Return.DRIVER_NOT_LOADED, "kernel driver is not loaded", "modprobe nvidia"),
        (Return.LIB_RM_VERSION_MISMATCH, "of different versions", "delete the pod"),
        (Return.UNKNOWN, "unknown error", "recreate the container"),
        (Return.NO_PERMISSION, "refuses us access", "/dev/nvidiactl"),
        (Return.GPU_NOT_FOUND, "shows no GPU", "nvidia-smi -L"),
        (Return.INSUFFICIENT_SIZE, "answers INSUFFICIENT_SIZE", "nvidia-smi"),
    ],
    ids=str,
)


@at_init
def test_a_library_that_cannot_be_initialised_is_explained_and_tried_again(
    library: SimulatedLibrary, source: NvmlSource, code: Return, problem: str, remedy: str
) -> None:
    library.faults.fail(code, INIT)
    for now in (0.0, 10.0):
        with pytest.raises(SourceDown) as down:
            source.collect(now)
        assert problem in down.value.problem
        assert remedy in down.value.remedy
    library.faults.clear(INIT)
    assert len(source.collect(20.0).gpus) == 2


@pytest.mark.parametrize(
    "symbol", ["nvmlDeviceGetCount_v2", "nvmlDeviceGetPowerUsage", "nvmlDeviceGetUUID", "*"]
)
@pytest.mark.parametrize(
    "code",
    [
        Return.UNINITIALIZED,
        Return.DRIVER_NOT_LOADED,
        Return.LIB_RM_VERSION_MISMATCH,
        Return.GPU_NOT_FOUND,
    ],
    ids=lambda code: code.name,
)
def test_a_library_that_fails_midway_is_initialised_anew(
    library: SimulatedLibrary, source: NvmlSource, code: Return, symbol: str
) -> None:
    healthy = all_timeless(NvmlSource(simulated=True).collect(0.0))
    if symbol != "nvmlDeviceGetUUID":  # asked once in a session
        source.collect(0.0)
    library.faults.fail(code, symbol)
    with pytest.raises(SourceDown, match=PROBLEMS[code].problem):
        source.collect(10.0)
    library.faults.clear(symbol)
    assert all_timeless(source.collect(20.0)) == healthy


@pytest.mark.parametrize(
    "symbol",
    [INIT, "nvmlDeviceGetCount_v2", "nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetUUID"],
)
def test_a_library_without_the_bare_necessities_is_called_none(
    library: SimulatedLibrary, source: NvmlSource, symbol: str
) -> None:
    library.hide(symbol)
    with pytest.raises(SourceDown, match="is no NVML that we know"):
        source.collect(0.0)
    library.show(symbol)
    assert len(source.collect(10.0).gpus) == 2


def test_a_library_that_somebody_else_shut_down_is_opened_again(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    source.collect(0.0)
    library.users = 0
    with pytest.raises(SourceDown, match="shut down under us"):
        source.collect(10.0)
    assert len(source.collect(20.0).gpus) == 2


@pytest.mark.parametrize(
    ("symbol", "version"),
    [
        ("nvmlSystemGetDriverVersion", "driver_version"),
        ("nvmlSystemGetNVMLVersion", "nvml_version"),
        ("nvmlSystemGetCudaDriverVersion", "cuda_version"),
    ],
)
def test_a_version_that_cannot_be_told_is_empty(
    library: SimulatedLibrary, source: NvmlSource, symbol: str, version: str
) -> None:
    library.hide(symbol)
    reading = source.collect(0.0)
    assert getattr(reading, version) == ""
    assert len(reading.gpus) == 2


@pytest.mark.parametrize("symbol", ["nvmlDeviceGetPowerUsage", INIT, "nvmlDeviceGetCount_v2"])
def test_a_call_that_hangs_holds_its_own_thread_alone_and_ends_when_it_returns(
    library: SimulatedLibrary, source: NvmlSource, symbol: str
) -> None:
    hang = library.faults.hang(symbol)
    readings: list[Gpus] = []
    worker = threading.Thread(target=lambda: readings.append(source.collect(0.0)))
    worker.start()
    assert hang.entered.wait(PATIENCE)
    assert not readings
    hang.release()
    worker.join(PATIENCE)
    assert [len(reading.gpus) for reading in readings] == [2]


def test_every_problem_comes_with_a_remedy() -> None:
    assert all(problem and remedy for problem, remedy in PROBLEMS.values())
