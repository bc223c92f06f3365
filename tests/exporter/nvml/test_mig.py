"""MIG devices are found in sparse slots, told as they are now, and leave nothing behind."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from exporter.simulation import Return, SimulatedLibrary, installed, simulated_gpus
from exporter.simulation.partition import MIXED, SEVEN_SMALL, Slot
from exporter.snapshot import Gpu, MigInstance
from exporter.sources import SourceDown
from exporter.sources.nvml import NvmlSource

START = 1_760_000_000.0
MIB = 1024**2
OF_MIXED = [
    (1, 0, "3g.40gb", 48),
    (5, 0, "1c.2g.20gb", 32),
    (5, 1, "1c.2g.20gb", 32),
    (13, 0, "1g.10gb", 16),
]


class Machine:
    """Two GPUs that can be divided, and the time there."""

    def __init__(self) -> None:
        self.now = START
        self.gpus = simulated_gpus(2, "h100", clock=lambda: self.now)
        self.gpus.divided[0] = MIXED
        self.library = SimulatedLibrary(self.gpus)
        self.source = NvmlSource()

    def read(self, at: float) -> Gpu:
        self.now = START + at
        return self.source.collect(self.now).gpus[0]


@pytest.fixture
def machine() -> Iterator[Machine]:
    machine = Machine()
    with installed(machine.library):
        yield machine


def ids(gpu: Gpu) -> list[tuple[int | None, int | None]]:
    return [(mig.gpu_instance, mig.compute_instance) for mig in gpu.instances]


def test_instances_are_found_in_slots_with_gaps(machine: Machine) -> None:
    gpu = machine.read(0.0)
    assert gpu.mig_mode is True
    found = [
        (mig.gpu_instance, mig.compute_instance, mig.profile, mig.multiprocessors)
        for mig in gpu.instances
    ]
    assert found == OF_MIXED
    uuids = [mig.uuid for mig in gpu.instances]
    assert len(set(uuids)) == 4
    assert all(uuid.startswith("MIG-SIM-") for uuid in uuids)


def test_memory_is_told_once_for_a_gpu_instance(machine: Machine) -> None:
    gpu = machine.read(0.0)
    totals = [mig.memory_total for mig in gpu.instances]
    assert totals[2] is None
    usable = 81559 * MIB - 480 * MIB
    assert totals[0] == usable // 2 // MIB * MIB
    for mig in (gpu.instances[0], gpu.instances[1], gpu.instances[3]):
        assert mig.memory_used is not None
        assert mig.memory_total is not None
        assert mig.memory_free == mig.memory_total - mig.memory_used
    assert sum(mig.memory_used or 0 for mig in gpu.instances) < (gpu.memory_used or 0)


def test_activity_is_measured_for_each_gpu_instance(machine: Machine) -> None:
    machine.read(0.0)
    gpu = machine.read(10.0)
    assert gpu.activity == gpu.rates == {}
    measured = [bool(mig.activity) for mig in gpu.instances]
    assert measured == [True, True, False, True]
    assert all(mig.rates == {} for mig in gpu.instances)


def test_what_a_divided_gpu_does_not_give_is_absent(machine: Machine) -> None:
    machine.read(0.0)
    gpu = machine.read(10.0)
    assert gpu.utilization is None
    assert gpu.engines == {}
    assert gpu.remapped_rows is None
    assert gpu.memory_used is not None
    assert gpu.power is not None


def test_a_gpu_that_is_not_divided_has_no_instances(machine: Machine) -> None:
    whole = machine.source.collect(START).gpus[1]
    assert (whole.mig_mode, whole.instances) == (False, ())
    machine.gpus.divided[0] = ()
    empty = machine.read(10.0)
    assert (empty.mig_mode, empty.instances) == (True, ())


def test_a_gpu_is_divided_anew_while_it_is_watched(machine: Machine) -> None:
    for at in (0.0, 10.0):
        machine.read(at)
    machine.gpus.divided[0] = SEVEN_SMALL
    assert ids(machine.read(20.0)) == [(number, 0) for number in range(7, 14)]
    machine.gpus.divided[0] = (None, Slot(7, 0, "7g.80gb", 7, 8))
    again = machine.read(30.0)
    assert [(mig.gpu_instance, mig.profile) for mig in again.instances] == [(7, "7g.80gb")]
    assert again.instances[0].activity == {}
    assert machine.read(40.0).instances[0].activity
    # Two samples of the instance, and two of the other GPU.
    assert machine.library.performance.held == 4


def test_what_was_told_of_an_instance_is_forgotten_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "tunewatch.nvml")
    gpus = simulated_gpus(1, "a100", clock=lambda: START)
    source = NvmlSource()
    told = []
    with installed(SimulatedLibrary(gpus)):
        for slots in (MIXED, MIXED, (None,) * 7, MIXED):
            gpus.divided[0] = slots
            source.collect(START)
            told.append(sum("(MIG-" in line for line in caplog.messages))
            caplog.clear()
    assert told == [3, 0, 0, 3]


def test_mig_may_be_switched_on_and_off(machine: Machine) -> None:
    machine.read(0.0)
    del machine.gpus.divided[0]
    machine.read(10.0)
    whole = machine.read(20.0)
    assert whole.instances == ()
    assert whole.utilization is not None
    assert whole.remapped_rows is not None
    assert whole.engines
    machine.gpus.divided[0] = MIXED
    machine.read(30.0)
    divided = machine.read(40.0)
    assert ids(divided) == [(gi, ci) for gi, ci, *_ in OF_MIXED]
    assert divided.utilization is None


def test_an_instance_that_vanishes_midway_costs_itself_alone(machine: Machine) -> None:
    machine.read(0.0)
    machine.library.faults.fail(Return.NOT_FOUND, "nvmlDeviceGetGpuInstanceId", device=0)
    machine.gpus.divided[0] = SEVEN_SMALL[:6]
    gpu = machine.read(10.0)
    assert [mig.gpu_instance for mig in gpu.instances] == [None] * 6
    assert all(mig.memory_total is None for mig in gpu.instances)
    assert gpu.power is not None


@pytest.mark.parametrize(
    "symbol", ["nvmlDeviceGetMigDeviceHandleByIndex", "nvmlDeviceGetMaxMigDeviceCount"]
)
def test_instances_that_we_may_not_see_are_told_of(
    machine: Machine, caplog: pytest.LogCaptureFixture, symbol: str
) -> None:
    caplog.set_level(logging.WARNING, "tunewatch.nvml")
    machine.library.faults.fail(Return.NO_PERMISSION, symbol)
    for at in (0.0, 10.0):
        gpu = machine.read(at)
        assert (gpu.mig_mode, gpu.instances) == (True, ())
        assert gpu.power is not None
    assert caplog.text.count("does not give instances: NO_PERMISSION") == 1


@pytest.mark.parametrize(
    "symbol", ["nvmlDeviceGetMigDeviceHandleByIndex", "nvmlDeviceGetMaxMigDeviceCount"]
)
def test_a_lost_gpu_is_lost_with_its_instances(machine: Machine, symbol: str) -> None:
    machine.read(0.0)
    machine.library.faults.fail(Return.GPU_IS_LOST, symbol, device=0)
    reading = machine.source.collect(START + 10.0)
    assert [gpu.index for gpu in reading.gpus] == [1]
    assert machine.library.performance.held == 2


def test_a_driver_that_is_unloaded_midway_is_initialised_anew(machine: Machine) -> None:
    machine.read(0.0)
    machine.library.faults.fail(Return.DRIVER_NOT_LOADED, "nvmlDeviceGetGpuInstanceId")
    machine.gpus.divided[0] = SEVEN_SMALL
    with pytest.raises(SourceDown, match="not loaded"):
        machine.read(10.0)
    machine.library.faults.clear("nvmlDeviceGetGpuInstanceId")
    assert len(machine.read(20.0).instances) == 7


def test_a_driver_of_long_ago_knows_no_mig() -> None:
    gpus = simulated_gpus(1, "v100", lambda: START)
    with installed(SimulatedLibrary(gpus)):
        gpu = NvmlSource().collect(START).gpus[0]
    assert gpu.mig_mode is None
    assert gpu.instances == ()


def test_two_gpus_have_instances_of_their_own(machine: Machine) -> None:
    machine.gpus.divided[1] = MIXED
    both = machine.source.collect(START).gpus
    uuids: list[MigInstance] = [mig for gpu in both for mig in gpu.instances]
    assert len({mig.uuid for mig in uuids}) == 8
