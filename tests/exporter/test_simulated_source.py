"""The flags that ask for simulated GPUs get the machine that they name."""

from __future__ import annotations

import pytest

from exporter.app.sources import nvml_source
from exporter.config import Config
from exporter.options import SIMULATED_PROFILES, RunOptions
from exporter.simulation import PROFILES, SimulatedGpus, SimulatedLibrary, installed


@pytest.mark.parametrize("profile", SIMULATED_PROFILES)
def test_a_profile_is_simulated_by_its_name(profile: str) -> None:
    options = RunOptions(simulate=3, simulate_profile=profile)
    with installed(SimulatedLibrary(SimulatedGpus(1))):
        reading = nvml_source(options, Config()).collect(0.0)
    assert [gpu.name for gpu in reading.gpus] == [PROFILES[profile].board.name] * 3
    assert reading.driver_version == PROFILES[profile].driver.version
    assert reading.simulated
