"""Field values are read by the driver's numbers, with the driver's units and types."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from exporter.simulation import (
    PROFILES,
    Condition,
    SimulatedGpus,
    SimulatedLibrary,
    installed,
    simulated_gpus,
)
from exporter.simulation.drivers import R450, R570, R575, R580, R590, Driver
from exporter.snapshot import Gpu
from exporter.sources.nvml import NvmlSource
from exporter.sources.nvml.values import throttle_ids
from tests.support.gpus import EVERYTHING

START = 1_760_000_000.0

MOVED_ONCE = {
    "sw_thermal_slowdown": 251,
    "hw_thermal_slowdown": 252,
    "hw_power_brake_slowdown": 253,
}
MOVED_TWICE = {
    "sw_thermal_slowdown": 269,
    "hw_thermal_slowdown": 270,
    "hw_power_brake_slowdown": 271,
}
OLD = {"sw_thermal_slowdown": 75}


def read(driver: Driver, *, seconds: float = 1000.0) -> Gpu:
    """Return a GPU that gives everything, so many seconds after the driver's start."""
    clock = iter([START])
    gpus = SimulatedGpus(1, EVERYTHING, lambda: next(clock, START + seconds), driver)
    with installed(SimulatedLibrary(gpus)):
        return NvmlSource().collect(START + seconds).gpus[0]


@pytest.mark.parametrize(
    ("version", "moving"),
    [
        ("450.248.02", OLD),
        ("570.172.08", OLD),
        ("574.999", OLD),
        ("575.51.03", MOVED_ONCE),
        ("580.65.06", MOVED_ONCE),
        ("580.81.99", MOVED_ONCE),
        ("580.82.07", MOVED_TWICE),
        ("581.15", MOVED_TWICE),
        ("595.45.04", MOVED_TWICE),
        ("610.1", MOVED_TWICE),
        ("", {}),
        ("unknown", {}),
    ],
)
def test_the_ids_of_throttle_times_follow_the_driver(version: str, moving: dict[str, int]) -> None:
    assert throttle_ids(version) == {"sw_power_cap": 74, "sync_boost": 76, **moving}


@pytest.mark.parametrize("driver", [R450, R570, R575, R580, R590], ids=lambda d: d.version)
def test_throttle_times_are_seconds_with_every_driver(driver: Driver) -> None:
    """With the ids of another driver these would be power-smoothing settings, such as 50253."""
    clock = SimulatedGpus(1, EVERYTHING, lambda: START, driver).gpu(0)
    real = replace(clock, now=START + 1000.0)
    expected = {
        "sw_power_cap": real.capped_seconds,
        "sync_boost": 0.0,
        "sw_thermal_slowdown": real.warm_seconds,
        "hw_thermal_slowdown": real.hot_seconds,
        "hw_power_brake_slowdown": 0.0,
    }
    found = read(driver).throttle_seconds
    assert found == pytest.approx({reason: expected[reason] for reason in found}, abs=1e-6)
    assert ("hw_thermal_slowdown" in found) == (driver in (R575, R580, R590))
    assert all(seconds < 1000.0 for seconds in found.values())


def test_margins_are_signed() -> None:
    assert read(R580).margin_limits == {
        "shutdown": -8.0,
        "slowdown": -2.0,
        "memory_max": 0.0,
        "gpu_max": 0.0,
    }


def test_bytes_over_pcie_are_told_only_by_counters_that_do_not_wrap() -> None:
    wide = read(R580).pcie_bytes
    assert wide["receive"] > wide["transmit"] > 2**32
    narrow = SimulatedGpus(1, replace(EVERYTHING, pcie_counters_wide=False))
    with installed(SimulatedLibrary(narrow)):
        assert NvmlSource().collect(START).gpus[0].pcie_bytes == {}


@pytest.mark.parametrize(
    ("number", "action"),
    [
        (0, "none"),
        (1, "gpu_reset"),
        (2, "node_reboot"),
        (3, "drain_p2p"),
        (4, "drain_and_reset"),
        (5, "recover_imex_domain"),
        (99, "unknown"),
    ],
)
def test_the_recovery_action_has_a_name(number: int, action: str) -> None:
    gpus = SimulatedGpus(1, EVERYTHING)
    gpus.conditions[0] = Condition(recovery_action=number)
    with installed(SimulatedLibrary(gpus)):
        assert NvmlSource().collect(START).gpus[0].recovery_action == action


@pytest.mark.parametrize("profile", PROFILES)
def test_a_driver_answers_nothing_that_it_does_not_know(profile: str) -> None:
    gpus = simulated_gpus(1, profile, lambda: START)
    with installed(SimulatedLibrary(gpus)):
        reading = NvmlSource().collect(START)
    assert reading.driver_version == gpus.driver.version
    knows = gpus.driver.newest_field >= 230
    assert knows or reading.gpus[0].recovery_action is None


@pytest.mark.parametrize("profile", PROFILES)
def test_a_healthy_machine_is_no_reason_to_warn(
    profile: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "tunewatch")
    with installed(SimulatedLibrary(simulated_gpus(2, profile, lambda: START))):
        source = NvmlSource()
        for now in (0.0, 10.0, 700.0):
            source.collect(now)
    assert not caplog.messages
