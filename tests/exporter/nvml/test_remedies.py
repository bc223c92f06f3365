"""Each fault that befalls a machine is one line in the log, which says what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

import pytest

from exporter.board import Board
from exporter.polling import Poller
from exporter.simulation import Return, SimulatedLibrary
from exporter.snapshot import Gpus
from exporter.sources.nvml import NvmlSource
from tests.support.program import eventually

INIT = "nvmlInitWithFlags"
COUNT = "nvmlDeviceGetCount_v2"
POWER = "nvmlDeviceGetPowerUsage"


class Machine:
    """Two GPUs that were read without a fault."""

    def __init__(self, library: SimulatedLibrary, caplog: pytest.LogCaptureFixture) -> None:
        self.library = library
        self.source = NvmlSource(simulated=True, patience=0.5)
        self.board = Board()
        self._poller = Poller(self.source, self.board)
        self._caplog = caplog
        self._now = 0.0
        self.poll()
        caplog.clear()

    def poll(self) -> Gpus | None:
        """Collect once more, and return what could be read."""
        self._poller.tick(self._now)
        self._now += 10.0
        data = self.board.read()["nvml"].data
        assert data is None or isinstance(data, Gpus)
        return data

    def answering(self) -> int:
        """Collect once more, and return how many GPUs could be read."""
        data = self.poll()
        return len(data.gpus) if data else 0

    def lines(self) -> list[str]:
        """Return what the log was told since the machine was healthy."""
        return [record.getMessage() for record in self._caplog.records]


@pytest.fixture
def machine(library: SimulatedLibrary, caplog: pytest.LogCaptureFixture) -> Machine:
    caplog.set_level(logging.INFO, "tunewatch")
    return Machine(library, caplog)


class Case(NamedTuple):
    """A fault, how it is undone, how many GPUs can be read meanwhile, and what the line says."""

    befall: Callable[[SimulatedLibrary], object]
    undo: Callable[[SimulatedLibrary], object]
    left: int
    says: tuple[str, ...]
    afterwards: str


def failing(
    code: Return, *symbols: str, device: int | None = None
) -> tuple[Callable[[SimulatedLibrary], object], Callable[[SimulatedLibrary], object]]:
    """Return how calls begin to fail, and how they no longer do."""

    def befall(library: SimulatedLibrary) -> None:
        for symbol in symbols:
            library.faults.fail(code, symbol, device)

    def undo(library: SimulatedLibrary) -> None:
        for symbol in symbols:
            library.faults.clear(symbol, device)

    return befall, undo


UP_AGAIN, ANSWERS = "nvml is up again", "answers again"

CASES = {
    "a GPU fell off the bus": Case(
        *failing(Return.GPU_IS_LOST, "*", device=1),
        1,
        ("GPU 1 (GPU-", "GPU_IS_LOST", "kernel log", "reboot the host"),
        ANSWERS,
    ),
    "a GPU waits for a reset": Case(
        *failing(Return.RESET_REQUIRED, "*", device=1),
        1,
        ("GPU 1 (GPU-", "RESET_REQUIRED", "`nvidia-smi -r -i 1`"),
        ANSWERS,
    ),
    "one GPU answers UNKNOWN": Case(
        *failing(Return.UNKNOWN, "*", device=1),
        1,
        ("GPU 1 (GPU-", "UNKNOWN", "recreate the container"),
        ANSWERS,
    ),
    "we may no longer read one GPU": Case(
        *failing(Return.NO_PERMISSION, "*", device=1),
        1,
        ("GPU 1 (GPU-", "NO_PERMISSION", "/dev/nvidiactl"),
        ANSWERS,
    ),
    "the driver is unloaded": Case(
        *failing(Return.DRIVER_NOT_LOADED, INIT, COUNT),
        0,
        ("kernel driver is not loaded", "modprobe nvidia"),
        UP_AGAIN,
    ),
    "the driver was upgraded": Case(
        *failing(Return.LIB_RM_VERSION_MISMATCH, INIT, COUNT),
        0,
        ("of different versions", "reboot the host", "delete the pod"),
        UP_AGAIN,
    ),
    "the devices were taken from the container": Case(
        *failing(Return.UNKNOWN, "*"), 0, ("'unknown error'", "recreate the container"), UP_AGAIN
    ),
    "we may no longer read any GPU": Case(
        *failing(Return.NO_PERMISSION, "*"), 0, ("refuses us access", "/dev/nvidiactl"), UP_AGAIN
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_fault_is_one_line_with_its_remedy_and_its_end_another(
    machine: Machine, case: Case
) -> None:
    case.befall(machine.library)
    for _ in range(3):
        assert machine.answering() == case.left
    (line,) = machine.lines()
    assert [part for part in case.says if part not in line] == []
    case.undo(machine.library)
    assert machine.answering() == 2
    assert case.afterwards in machine.lines()[1]
    assert len(machine.lines()) == 2


def test_a_hang_is_one_line_with_its_remedy(machine: Machine) -> None:
    hang = machine.library.faults.hang(POWER, device=1)
    for _ in range(3):
        assert machine.answering() == 1
    (line,) = machine.lines()
    assert "GPU 1 (GPU-" in line
    assert "a call does not return; see the host's kernel log and reboot it" in line
    hang.release()
    eventually(lambda: machine.answering() == 2)
    assert ANSWERS in machine.lines()[1]


def test_a_permission_that_is_withdrawn_later_costs_its_reading_and_is_one_line(
    machine: Machine,
) -> None:
    machine.library.faults.fail(Return.NO_PERMISSION, POWER)
    for _ in range(3):
        data = machine.poll()
        assert data is not None
        assert [gpu.power for gpu in data.gpus] == [None, None]
        assert None not in [gpu.temperature for gpu in data.gpus]
    lines = machine.lines()
    assert ["GPU 0" in lines[0], "GPU 1" in lines[1], len(lines)] == [True, True, 2]
    for line in lines:
        assert "does not give power: NO_PERMISSION; it is asked again every ten minutes" in line
        assert "SYS_ADMIN" in line


@pytest.mark.parametrize(
    ("count", "level", "says"),
    [
        (3, "INFO", "the driver shows 3 GPUs, it showed 2"),
        (1, "WARNING", "the driver shows 1 GPU, it showed 2: if nobody took one out"),
    ],
)
def test_gpus_that_come_or_go_are_one_line(
    machine: Machine, caplog: pytest.LogCaptureFixture, count: int, level: str, says: str
) -> None:
    machine.library.gpus.count = count
    for _ in range(3):
        data = machine.poll()
        assert data is not None
        assert (len(data.gpus), data.seen) == (count, count)
    (line,) = [line for line in machine.lines() if "does not give" not in line]
    assert line.startswith(says)
    assert [r.levelname for r in caplog.records if r.getMessage() == line] == [level]
