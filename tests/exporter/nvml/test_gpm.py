"""GPU performance metrics are averages over the time between two collections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exporter.simulation import Return, SimulatedGpus, SimulatedLibrary, installed
from exporter.simulation.boards import A100
from exporter.snapshot import Gpu
from exporter.sources.nvml import NvmlSource
from tests.support.gpus import EVERYTHING

START = 1_760_000_000.0
SAMPLE = "nvmlGpmSampleGet"


class Machine:
    """One GPU, and the time there."""

    def __init__(self) -> None:
        self.now = START
        self.gpus = SimulatedGpus(1, EVERYTHING, clock=lambda: self.now)
        self.library = SimulatedLibrary(self.gpus)
        self.source = NvmlSource()

    def read(self, at: float) -> Gpu:
        self.now = START + at
        return self.source.collect(self.now).gpus[0]

    def mean_load(self, since: float, until: float) -> float:
        """Return what the GPU's load was on average between two times."""
        busy = []
        for at in (since, until):
            self.now = START + at
            busy.append(self.gpus.gpu(0).busy_seconds)
        return (busy[1] - busy[0]) / (until - since)


@pytest.fixture
def machine() -> Iterator[Machine]:
    machine = Machine()
    with installed(machine.library):
        yield machine


def test_nothing_between_two_collections_is_missed(machine: Machine) -> None:
    assert machine.read(0.0).activity == {}
    for since, until in ((0.0, 10.0), (10.0, 14.0), (14.0, 300.0)):
        gpu = machine.read(until)
        load = machine.mean_load(since, until)
        assert gpu.activity["graphics_active"] == pytest.approx(load)
        assert gpu.activity["sm_active"] == pytest.approx(0.95 * load)
        assert gpu.activity["tensor_active"] == pytest.approx(0.6 * load)
        assert gpu.activity["fp64_active"] == 0.0
        assert all(0.0 <= ratio <= 1.0 for ratio in gpu.activity.values())
        assert gpu.rates["pcie_receive"] == pytest.approx(7.5e9 * load)
        assert gpu.rates["nvlink_transmit"] == pytest.approx(2 * 11e9 * load)


def test_a_metric_that_is_no_number_is_absent(machine: Machine) -> None:
    machine.read(0.0)
    assert machine.read(0.0).activity == {}


def test_after_a_failure_the_averages_begin_anew(machine: Machine) -> None:
    machine.read(0.0)
    machine.library.faults.fail(Return.UNKNOWN, SAMPLE)
    assert machine.read(10.0).activity == {}
    machine.library.faults.clear(SAMPLE)
    assert machine.read(20.0).activity == {}
    assert machine.read(30.0).activity["graphics_active"] == pytest.approx(
        machine.mean_load(20.0, 30.0)
    )


def test_an_older_gpu_is_asked_once_and_holds_no_samples(machine: Machine) -> None:
    machine.gpus.board = A100
    for at in (0.0, 10.0):
        assert machine.read(at).activity == {}
    assert machine.library.calls["nvmlGpmQueryDeviceSupport"] == 1
    assert machine.library.performance.held == 0


def test_two_samples_are_enough_and_are_given_back(machine: Machine) -> None:
    for at in range(10):
        machine.read(10.0 * at)
    assert machine.library.performance.held == 2
    machine.library.faults.fail(Return.GPU_IS_LOST, "nvmlDeviceGetPowerUsage")
    machine.now = START + 200.0
    assert machine.source.collect(machine.now).gpus == ()
    assert machine.library.performance.held == 0


def test_a_new_session_begins_with_new_samples(machine: Machine) -> None:
    for at in (0.0, 10.0):
        machine.read(at)
    machine.gpus.count = 2
    assert machine.read(20.0).activity == {}
    assert machine.library.performance.held == 2
    assert machine.read(30.0).activity
