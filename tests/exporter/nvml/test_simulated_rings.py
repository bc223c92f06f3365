"""The stand-in keeps samples and events as the driver does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pynvml
import pytest

from exporter.simulation import SimulatedGpus, SimulatedLibrary, installed

POWER, UTILIZATION = pynvml.NVML_TOTAL_POWER_SAMPLES, pynvml.NVML_GPU_UTILIZATION_SAMPLES
XID = pynvml.nvmlEventTypeXidCriticalError
START = 1_760_000_000.0


class Clock:
    now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def machine(clock: Clock) -> Iterator[SimulatedLibrary]:
    """Open a library of two GPUs that were started just now."""
    with installed(SimulatedLibrary(SimulatedGpus(2, clock=clock))) as library:
        pynvml.nvmlInit()
        yield library


def handle(index: int = 1) -> Any:  # noqa: ANN401 - a pointer of pynvml
    return pynvml.nvmlDeviceGetHandleByIndex(index)


def ring(kind: int, after: int = 0) -> list[tuple[int, int]]:
    _, found = pynvml.nvmlDeviceGetSamples(handle(), kind, after)
    return [(sample.timeStamp, sample.sampleValue.uiVal) for sample in found]


@pytest.mark.parametrize(
    ("kind", "step", "length"), [(POWER, 20_000, 119), (UTILIZATION, 200_000, 71)]
)
def test_a_ring_holds_the_last_samples_at_even_steps(
    machine: SimulatedLibrary, clock: Clock, kind: int, step: int, length: int
) -> None:
    clock.now = START + 60
    found = ring(kind)
    assert len(found) == length
    assert {late[0] - early[0] for early, late in pairwise(found)} == {step}
    assert found[-1][0] == (START + 60) * 1e6
    at, value = found[0]
    gpu = replace(machine.gpus.gpu(1), now=at / 1e6)
    assert value == round(1000 * gpu.power if kind == POWER else 100 * gpu.load)


@pytest.mark.usefixtures("machine")
def test_a_ring_gives_what_is_newer_than_asked_for(clock: Clock) -> None:
    clock.now = START + 60
    everything = ring(UTILIZATION)
    assert ring(UTILIZATION, everything[-4][0]) == everything[-3:]
    with pytest.raises(pynvml.NVMLError_NotFound):
        ring(UTILIZATION, everything[-1][0])


@pytest.mark.usefixtures("machine")
def test_a_ring_fills_from_the_start_of_the_driver(clock: Clock) -> None:
    with pytest.raises(pynvml.NVMLError_NotFound):
        ring(UTILIZATION)
    clock.now = START + 1
    assert len(ring(UTILIZATION)) == 5


def test_a_gpu_that_is_divided_has_no_samples_of_its_load(
    machine: SimulatedLibrary, clock: Clock
) -> None:
    clock.now = START + 60
    machine.gpus.divided[1] = ()
    with pytest.raises(pynvml.NVMLError_NotSupported):
        ring(UTILIZATION)
    assert ring(POWER)


def test_an_event_goes_to_every_set_that_asked_for_it(machine: SimulatedLibrary) -> None:
    first, second = pynvml.nvmlEventSetCreate(), pynvml.nvmlEventSetCreate()
    pynvml.nvmlDeviceRegisterEvents(handle(0), XID, first)
    pynvml.nvmlDeviceRegisterEvents(handle(0), pynvml.nvmlEventTypeDoubleBitEccError, second)
    machine.events.xid(0, 79)
    machine.events.xid(1, 48)
    event = pynvml.nvmlEventSetWait_v2(first, 0)
    assert (event.eventType, event.eventData, event.gpuInstanceId) == (XID, 79, 0xFFFFFFFF)
    for events in (first, second):
        with pytest.raises(pynvml.NVMLError_Timeout):
            pynvml.nvmlEventSetWait_v2(events, 0)


@pytest.mark.usefixtures("machine")
def test_what_no_gpu_reports_cannot_be_asked_for() -> None:
    events = pynvml.nvmlEventSetCreate()
    with pytest.raises(pynvml.NVMLError_NotSupported):
        pynvml.nvmlDeviceRegisterEvents(handle(0), pynvml.nvmlEventTypeClock, events)


def test_event_sets_end_with_their_session(machine: SimulatedLibrary) -> None:
    freed, kept = pynvml.nvmlEventSetCreate(), pynvml.nvmlEventSetCreate()
    pynvml.nvmlEventSetFree(freed)
    pynvml.nvmlShutdown()
    assert (machine.events.open_sets, machine.events.abandoned) == (0, 1)
    pynvml.nvmlInit()
    for events in (freed, kept):
        with pytest.raises(pynvml.NVMLError_InvalidArgument):
            pynvml.nvmlEventSetWait_v2(events, 0)
