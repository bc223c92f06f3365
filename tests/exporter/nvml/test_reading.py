"""What crosses the C ABI arrives whole, in base units."""

from __future__ import annotations

import pytest

from exporter.simulation import (
    H100,
    RTX_4080,
    Condition,
    SimulatedGpu,
    SimulatedGpus,
    SimulatedLibrary,
)
from exporter.snapshot import PcieLink, RemappedRows, RetiredPages
from exporter.sources.nvml import NvmlSource
from tests.support.gpus import EVERYTHING


def test_every_reading_of_a_gpu_is_in_base_units(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    real = library.gpus.gpu(1)
    gpu = source.collect(0.0).gpus[1]
    assert (gpu.index, gpu.uuid) == (1, real.uuid)
    assert gpu.memory_total == 81559 * 1024**2
    assert gpu.memory_used == real.memory_used
    assert gpu.memory_reserved == 480 * 1024**2
    assert gpu.memory_free == gpu.memory_total - gpu.memory_used - gpu.memory_reserved
    assert gpu.utilization == round(100 * real.load)
    assert gpu.memory_utilization == round(60 * real.load) / 100
    assert gpu.temperature == real.temperature
    assert gpu.power == pytest.approx(real.power, abs=0.001)
    assert gpu.power_limit == 700.0
    assert gpu.energy == pytest.approx(real.energy, abs=0.001)
    assert gpu.clocks == {"sm": 1.98e9, "graphics": 1.98e9, "memory": 2.619e9, "video": 1.782e9}
    assert gpu.max_clocks == gpu.clocks
    assert gpu.performance_state == 0
    assert gpu.pcie == PcieLink(5, 16, 5, 16)
    assert gpu.ecc_errors == {
        ("corrected", "volatile"): 0,
        ("uncorrected", "volatile"): 0,
        ("corrected", "aggregate"): 1,
        ("uncorrected", "aggregate"): 0,
    }


def test_facts_of_the_board_and_the_driver(library: SimulatedLibrary, source: NvmlSource) -> None:
    reading = source.collect(0.0)
    gpu = reading.gpus[0]
    assert gpu.name == "NVIDIA H100 80GB HBM3"
    assert gpu.serial == library.gpus.gpu(0).serial
    assert gpu.vbios == "96.00.89.00.01"
    assert gpu.pci_bus_id == "00000000:1B:00.0"
    assert gpu.compute_capability == "9.0"
    assert reading.driver_version == "580.95.05"
    assert reading.nvml_version == "13.580.95.05"
    assert reading.cuda_version == "13.0"
    assert (reading.seen, reading.lost, reading.simulated) == (2, (), True)


def test_what_changes_seldom_is_in_base_units_too(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    library.gpus.board = EVERYTHING
    real = library.gpus.gpu(1)
    gpu = source.collect(0.0).gpus[1]
    assert gpu.bar1_total == 128 * 1024**3
    assert gpu.bar1_used == 2 * 1024**3
    assert gpu.memory_temperature == real.memory_temperature
    assert gpu.temperature_margin == real.temperature_margin
    assert gpu.temperature_limits == {
        "shutdown": 92.0,
        "slowdown": 89.0,
        "memory_max": 95.0,
        "gpu_max": 85.0,
    }
    assert gpu.power_instant == pytest.approx(real.power, abs=0.001)
    assert gpu.module_power == pytest.approx(1.25 * real.power, abs=0.001)
    assert gpu.power_limits == {"min": 140.0, "max": 700.0, "default": 700.0}
    assert gpu.fans == {"0": 0.45, "1": 0.45}
    assert gpu.engines == {"encoder": 0.0, "decoder": 0.0, "jpeg": 0.0, "optical_flow": 0.0}
    assert gpu.remapped_rows == RemappedRows(1, 0, pending=False, failure=False)
    assert gpu.remapper_banks == {"max": 639, "high": 1, "partial": 0, "low": 0, "none": 0}
    assert gpu.retired_pages == RetiredPages(1, 0, pending=False)
    assert gpu.ecc_locations["corrected", "aggregate", "dram"] == 1
    assert gpu.ecc_locations["corrected", "aggregate", "sram"] == 0
    assert (gpu.persistence_mode, gpu.compute_mode, gpu.ecc_enabled) == (True, "default", True)
    assert (gpu.mig_mode, gpu.instances) == (False, ())
    assert gpu.pcie_replays == 1
    assert gpu.pcie_errors == dict.fromkeys(
        ("correctable", "non_fatal", "fatal", "unsupported_request"), 0
    )


def test_damage_is_told(library: SimulatedLibrary, source: NvmlSource) -> None:
    library.gpus.conditions[0] = Condition(
        recovery_action=2, remap_pending=True, remap_failed=True, uncorrected_errors=3
    )
    hurt, healthy = source.collect(0.0).gpus
    assert hurt.remapped_rows == RemappedRows(0, 0, pending=True, failure=True)
    assert (hurt.recovery_action, healthy.recovery_action) == ("node_reboot", "none")
    assert hurt.ecc_errors["uncorrected", "volatile"] == 3
    assert healthy.ecc_errors["uncorrected", "volatile"] == 0


def test_what_a_board_lacks_is_unknown_and_not_zero(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    h100 = source.collect(0.0).gpus[0]
    assert h100.fans == {}
    assert h100.retired_pages is None
    library.gpus.board = RTX_4080
    workstation = NvmlSource().collect(0.0).gpus[0]
    assert workstation.fans == {"0": 0.45}
    assert workstation.ecc_errors == {}
    assert workstation.ecc_locations == {}
    assert workstation.ecc_enabled is False
    assert workstation.serial is None
    assert workstation.nvlinks == ()
    assert workstation.remapped_rows is None
    assert workstation.memory_temperature is None


def test_a_reading_says_when_it_was_made_and_how_long_it_took(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    library.faults.delay(0.02, "nvmlDeviceGetPowerUsage", device=1)
    quick, slow = source.collect(5.0).gpus
    assert quick.collected_at == slow.collected_at == 5.0
    assert quick.collection_seconds is not None
    assert slow.collection_seconds is not None
    assert slow.collection_seconds >= 0.02


def test_each_supported_throttle_reason_is_told_and_no_other(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    reasons = source.collect(0.0).gpus[0].throttle
    assert len(reasons) == 8
    assert "display_clock_setting" not in reasons
    assert not any(reasons.values())
    at_the_limit = next(
        second for second in range(1000) if SimulatedGpu(0, H100, second, 0.0).throttle_reasons
    )
    library.gpus = SimulatedGpus(1, clock=lambda: at_the_limit)
    held_back = NvmlSource().collect(0.0).gpus[0].throttle
    assert [reason for reason, active in held_back.items() if active] == ["sw_power_cap"]


def test_one_session_serves_all_collections(library: SimulatedLibrary, source: NvmlSource) -> None:
    for now in (0.0, 10.0, 20.0):
        source.collect(now)
    assert (library.sessions, library.users) == (1, 1)


def test_closing_asks_the_driver_nothing(library: SimulatedLibrary, source: NvmlSource) -> None:
    source.collect(0.0)
    hang = library.faults.hang()
    source.close()
    assert not hang.entered.is_set()


def test_a_source_says_how_often_it_reads_and_how_long_that_holds() -> None:
    source = NvmlSource(interval=4.0, expected=True)
    assert (source.name, source.interval, source.lifetime) == ("nvml", 4.0, 10.0)
    assert source.expected
