"""Who computes on a GPU, through the real binding on the stand-in library."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pynvml
import pytest

from exporter.simulation import Return, SimulatedGpus, SimulatedLibrary, installed
from exporter.simulation.processes import UNKNOWN_MEMORY, SimulatedProcess
from exporter.snapshot import GpuProcess
from exporter.sources.nvml import NvmlSource
from exporter.sources.nvml.processes import ProcessReader

GIB = 2**30
START = 1_760_000_000.0
TRAINER = SimulatedProcess(4711, memory=20 * GIB, sm=80)
LOADER = SimulatedProcess(4712, memory=1 * GIB, sm=5)


class Machine:
    """One simulated GPU whose clock a test sets, and a reader of its processes."""

    def __init__(self) -> None:
        self.now = START
        self.library = SimulatedLibrary(SimulatedGpus(1, clock=lambda: self.now))
        self.reader = ProcessReader()

    def run(self, *processes: SimulatedProcess) -> None:
        self.library.processes.running[0] = processes

    def read(self) -> tuple[GpuProcess, ...]:
        """Read ten seconds later."""
        self.now += 10
        return self.reader.read(pynvml.nvmlDeviceGetHandleByIndex(0))


@pytest.fixture
def machine() -> Iterator[Machine]:
    machine = Machine()
    with installed(machine.library):
        pynvml.nvmlInit()
        yield machine
        pynvml.nvmlShutdown()


def test_nobody_computes(machine: Machine) -> None:
    assert machine.read() == ()


def test_memory_is_known_at_once_and_work_from_the_second_reading(machine: Machine) -> None:
    machine.run(LOADER, TRAINER)
    assert machine.read() == (GpuProcess(4711, 20 * GIB), GpuProcess(4712, GIB))
    assert machine.read() == (GpuProcess(4711, 20 * GIB, 0.8), GpuProcess(4712, GIB, 0.05))


def test_a_process_that_launches_nothing_is_idle(machine: Machine) -> None:
    machine.run(TRAINER, replace(LOADER, idle_since=START + 1))
    machine.read()
    assert [p.sm_ratio for p in machine.read()] == [0.8, 0.0]
    machine.run(replace(TRAINER, idle_since=machine.now))
    assert [p.sm_ratio for p in machine.read()] == [0.0]


def test_clients_of_mps_are_seen(machine: Machine) -> None:
    machine.run(TRAINER, replace(LOADER, is_mps_client=True))
    assert [p.pid for p in machine.read()] == [4711, 4712]
    machine.library.hide("nvmlDeviceGetMPSComputeRunningProcesses_v3")
    assert [p.pid for p in machine.read()] == [4711]


def test_what_the_driver_does_not_know_is_not_known(machine: Machine) -> None:
    machine.run(replace(TRAINER, memory=UNKNOWN_MEMORY))
    machine.library.faults.fail(Return.NOT_SUPPORTED, "nvmlDeviceGetProcessUtilization")
    machine.read()
    assert machine.read() == (GpuProcess(4711, None, None),)


def test_samples_that_cannot_be_are_dropped(machine: Machine) -> None:
    nobody = SimulatedProcess(0, sm=50)
    machine.run(TRAINER, replace(LOADER, sm=4_000_000), nobody)
    machine.read()
    assert [p.sm_ratio for p in machine.read() if p.pid] == [0.8, 0.0]


@pytest.mark.parametrize("answer", [Return.NOT_FOUND, Return.SUCCESS])
def test_no_sample_is_idleness_however_the_driver_puts_it(answer: Return, machine: Machine) -> None:
    machine.library.processes.nothing_new = answer
    machine.run(TRAINER)
    machine.read()
    machine.run(replace(TRAINER, idle_since=machine.now))
    assert [p.sm_ratio for p in machine.read()] == [0.0]


def test_a_clock_that_was_set_back_makes_nobody_idle(machine: Machine) -> None:
    machine.run(TRAINER)
    machine.read()
    machine.now -= 3600
    assert [p.sm_ratio for p in machine.read()] == [None]
    assert [p.sm_ratio for p in machine.read()] == [0.8]


def test_a_process_in_a_mig_instance_says_in_which(machine: Machine) -> None:
    machine.run(replace(TRAINER, gpu_instance=3))
    assert machine.read()[0].gpu_instance == 3


@pytest.mark.parametrize(("asked", "pids"), [(True, [4711]), (False, [])])
def test_processes_are_read_only_where_they_were_asked_for(
    asked: bool,  # noqa: FBT001 - a parameter of the table
    pids: list[int],
    machine: Machine,
) -> None:
    machine.run(TRAINER)
    gpus = NvmlSource(simulated=True, processes=asked).collect(START).gpus
    assert [process.pid for process in gpus[0].processes] == pids


def test_a_refusal_is_passed_on(machine: Machine) -> None:
    machine.library.faults.fail(Return.NO_PERMISSION, "nvmlDeviceGetComputeRunningProcesses_v3")
    with pytest.raises(pynvml.NVMLError) as caught:
        machine.read()
    assert caught.value.value == pynvml.NVML_ERROR_NO_PERMISSION
