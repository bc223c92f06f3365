"""The stand-in moves as a training machine does, and every fault can be switched."""

from __future__ import annotations

import time

import pynvml
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.options import SIMULATED_PROFILES
from exporter.simulation import (
    H100,
    PROFILES,
    Return,
    SimulatedGpu,
    SimulatedGpus,
    SimulatedLibrary,
    install,
    installed,
    simulated_gpus,
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


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_says_that_it_is_simulated(profile: str) -> None:
    gpus = simulated_gpus(2, profile)
    with installed(SimulatedLibrary(gpus)):
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(1)
        assert pynvml.nvmlDeviceGetUUID(handle).startswith("GPU-SIM-")
        assert pynvml.nvmlDeviceGetName(handle) == gpus.board.name
        assert pynvml.nvmlSystemGetDriverVersion() == gpus.driver.version
        assert pynvml.nvmlSystemGetNVMLVersion() == gpus.driver.nvml_version


def test_the_flag_offers_every_profile() -> None:
    assert set(SIMULATED_PROFILES) == PROFILES.keys()


def test_what_an_old_driver_lacks_is_function_not_found() -> None:
    with installed(SimulatedLibrary(simulated_gpus(1, "v100"))):
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        with pytest.raises(pynvml.NVMLError_FunctionNotFound):
            pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
        with pytest.raises(pynvml.NVMLError_FunctionNotFound):
            pynvml.nvmlGpmSampleAlloc()


def test_a_mig_handle_is_of_its_session_and_its_slot() -> None:
    gpus = simulated_gpus(1, "h100-mig")
    with installed(SimulatedLibrary(gpus)):
        pynvml.nvmlInit()
        gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
        handles = [pynvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu, slot) for slot in range(7)]
        assert len({pynvml.nvmlDeviceGetUUID(handle) for handle in handles}) == 7
        assert pynvml.nvmlDeviceGetName(handles[0]).endswith("MIG 1g.10gb")
        with pytest.raises(pynvml.NVMLError_NotSupported):
            pynvml.nvmlDeviceGetPowerUsage(handles[0])
        with pytest.raises(pynvml.NVMLError_NotSupported):
            pynvml.nvmlDeviceGetGpuInstanceId(gpu)
        gpus.divided[0] = ()
        with pytest.raises(pynvml.NVMLError_InvalidArgument):
            pynvml.nvmlDeviceGetName(handles[0])


def test_retired_pages_need_room_for_their_addresses() -> None:
    with installed(SimulatedLibrary(simulated_gpus(2, "t4"))):
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in (0, 1)]
        pages = [pynvml.nvmlDeviceGetRetiredPages(handle, 0) for handle in handles]
        assert pages == [[], [0x10000]]


def test_samples_of_two_subjects_are_not_compared() -> None:
    with installed(SimulatedLibrary(simulated_gpus(2, "h100"))) as library:
        pynvml.nvmlInit()
        samples = [pynvml.nvmlGpmSampleAlloc() for _ in range(2)]
        for index, sample in enumerate(samples):
            pynvml.nvmlGpmSampleGet(pynvml.nvmlDeviceGetHandleByIndex(index), sample)
        question = pynvml.c_nvmlGpmMetricsGet_t(version=1, numMetrics=1)
        question.sample1, question.sample2 = samples
        with pytest.raises(pynvml.NVMLError_InvalidArgument):
            pynvml.nvmlGpmMetricsGet(question)
        for sample in samples:
            pynvml.nvmlGpmSampleFree(sample)
        assert library.performance.held == 0
