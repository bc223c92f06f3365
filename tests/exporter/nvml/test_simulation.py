"""The stand-in moves as a training machine does, and every fault can be switched."""

from __future__ import annotations

import time

import pynvml
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.simulation import (
    H100,
    Return,
    SimulatedGpu,
    SimulatedGpus,
    SimulatedLibrary,
    install,
    installed,
)

moments = st.floats(min_value=0.0, max_value=4e9)
indices = st.integers(min_value=0, max_value=63)


@given(index=indices, now=moments)
def test_readings_stay_within_what_the_board_can_do(index: int, now: float) -> None:
    gpu = SimulatedGpu(index, H100, now, 0.0)
    assert 0.7 < gpu.load < 1.0
    assert 0.70 < gpu.memory_used / H100.memory_total < 0.90
    assert H100.power_idle < gpu.power <= H100.power_limit
    assert 30 < gpu.temperature < 85


@given(index=indices, now=moments, seconds=st.floats(min_value=0.0, max_value=1e5))
def test_energy_never_falls_and_is_the_integral_of_power(
    index: int, now: float, seconds: float
) -> None:
    early = SimulatedGpu(index, H100, now, 0.0)
    late = SimulatedGpu(index, H100, now + seconds, 0.0)
    drawn = late.energy - early.energy
    tolerance = 1e-9 * late.energy + 1e-3
    assert H100.power_idle * seconds - tolerance <= drawn
    assert drawn <= H100.power_limit * seconds + tolerance


def test_energy_follows_power() -> None:
    steps = [SimulatedGpu(3, H100, 1000 + second / 10, 1000.0) for second in range(10_001)]
    summed = sum(gpu.power for gpu in steps[:-1]) / 10
    assert steps[-1].energy == pytest.approx(summed, rel=1e-4)


def test_ids_are_as_long_as_real_ones_and_the_same_everywhere() -> None:
    uuids = [SimulatedGpu(index, H100, 0.0, 0.0).uuid for index in range(64)]
    assert uuids[0] == "GPU-SIM-0000-5eed-0000-0000-000000000000"
    assert {len(uuid) for uuid in uuids} == {40}
    assert len(set(uuids)) == 64
    assert len({SimulatedGpu(index, H100, 0.0, 0.0).pci_bus_id for index in range(64)}) == 64


def test_the_clock_is_the_one_passed_in() -> None:
    now = [100.0]
    gpus = SimulatedGpus(1, clock=lambda: now[0])
    assert gpus.gpu(0).energy == 0.0
    now[0] = 110.0
    assert 700.0 < gpus.gpu(0).energy < 7000.0


def test_pynvml_gets_back_what_it_had() -> None:
    before = pynvml.nvmlLib
    with installed(SimulatedLibrary(SimulatedGpus(1))) as outer:
        pynvml.nvmlInit()
        with installed(SimulatedLibrary(SimulatedGpus(5))) as inner:
            pynvml.nvmlInit()
            assert pynvml.nvmlDeviceGetCount() == 5
            assert pynvml.nvmlLib is inner
        assert pynvml.nvmlLib is outer
        assert pynvml.nvmlDeviceGetCount() == 1
    assert pynvml.nvmlLib is before
    with pytest.raises(pynvml.NVMLError):
        pynvml.nvmlDeviceGetCount()


def test_an_installed_library_stays_until_another_takes_its_place() -> None:
    with installed(SimulatedLibrary(SimulatedGpus(1))):
        install(SimulatedLibrary(SimulatedGpus(4)))
        pynvml.nvmlInit()
        assert pynvml.nvmlDeviceGetCount() == 4


def test_handles_die_with_the_session_that_gave_them_out(library: SimulatedLibrary) -> None:
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    pynvml.nvmlShutdown()
    with pytest.raises(pynvml.NVMLError_Uninitialized):
        pynvml.nvmlDeviceGetName(handle)
    pynvml.nvmlInit()
    with pytest.raises(pynvml.NVMLError_InvalidArgument):
        pynvml.nvmlDeviceGetName(handle)
    assert library.sessions == 2


def test_a_structure_of_another_version_is_refused(library: SimulatedLibrary) -> None:
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(library.gpus.count - 1)
    with pytest.raises(pynvml.NVMLError_ArgumentVersionMismatch):
        pynvml.nvmlDeviceGetMemoryInfo(handle, version=0x03000028)


def test_a_fault_covers_what_it_names_and_can_be_taken_back(library: SimulatedLibrary) -> None:
    pynvml.nvmlInit()
    first, second = (pynvml.nvmlDeviceGetHandleByIndex(index) for index in (0, 1))
    library.faults.fail(Return.NO_PERMISSION, "nvmlDeviceGetName", device=1)
    assert pynvml.nvmlDeviceGetName(first) == H100.name
    assert pynvml.nvmlDeviceGetUUID(second)
    with pytest.raises(pynvml.NVMLError_NoPermission):
        pynvml.nvmlDeviceGetName(second)
    library.faults.clear("nvmlDeviceGetName", device=1)
    assert pynvml.nvmlDeviceGetName(second) == H100.name


def test_a_slow_call_takes_its_time(library: SimulatedLibrary) -> None:
    pynvml.nvmlInit()
    library.faults.delay(0.02, "nvmlDeviceGetCount_v2")
    begun = time.monotonic()
    assert pynvml.nvmlDeviceGetCount() == 2
    assert time.monotonic() - begun >= 0.02


def test_an_unknown_symbol_is_function_not_found(library: SimulatedLibrary) -> None:
    pynvml.nvmlInit()
    library.hide("nvmlDeviceGetCount_v2")
    with pytest.raises(pynvml.NVMLError_FunctionNotFound):
        pynvml.nvmlDeviceGetCount()
    library.show("nvmlDeviceGetCount_v2")
    assert pynvml.nvmlDeviceGetCount() == 2
