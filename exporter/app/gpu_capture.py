"""Recording what the driver's library answers on this machine, for bug reports and for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import NamedTuple

from exporter import simulation
from exporter.simulation.capture import Capture, Collection, Mask, Recorder, to_json
from exporter.simulation.installation import loaded, standing_in
from exporter.snapshot import Gpus
from exporter.sources.nvml import NvmlSource

COLLECTIONS = 2
"""Averages need two; the first alone has what is asked once or seldom."""
PAUSE_SECONDS = 2.0


class Clocks(NamedTuple):
    """The time: Unix seconds, waiting for so many of them, and seconds for measuring calls."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    measure: Callable[[], float] = time.perf_counter


REAL = Clocks()


def take(*, simulated: bool, clocks: Clocks = REAL) -> Capture:
    """Read all GPUs through the library that pynvml finds, and return every call, masked.

    Raises exporter.sources.SourceDown when no GPU can be read.
    """
    # A first reading wakes the GPUs up, and says in words what is in the way.
    NvmlSource(simulated=simulated).collect(clocks.now())
    recorder = Recorder(loaded(), clocks.measure)
    source = NvmlSource(simulated=simulated)
    begun = clocks.now()
    with standing_in(recorder):
        for number in range(COLLECTIONS):
            if number:
                clocks.sleep(PAUSE_SECONDS)
            now = clocks.now() if number else begun
            reading = source.collect(now)
            recorder.end_collection(now - begun)
    mask = Mask()
    collections = tuple(
        Collection(at, tuple(mask.calls(calls))) for at, calls in recorder.collections
    )
    return Capture(
        simulated, begun, _versions(reading), recorder.layouts, recorder.missing, collections
    )


def text(simulate: int, profile: str) -> str:
    """Return the capture of this machine, or of so many simulated GPUs, as a file has it.

    Raises exporter.sources.SourceDown when no GPU can be read.
    """
    with _driver(simulate, profile):
        return to_json(take(simulated=bool(simulate)))


@contextmanager
def _driver(simulate: int, profile: str) -> Iterator[None]:
    if not simulate:
        yield
        return
    gpus = simulation.simulated_gpus(simulate, profile)
    with simulation.installed(simulation.SimulatedLibrary(gpus)):
        yield


def _versions(reading: Gpus) -> dict[str, str]:
    return {
        "driver": reading.driver_version,
        "cuda": reading.cuda_version,
        "nvml": reading.nvml_version,
        "nvidia-ml-py": version("nvidia-ml-py"),
        "tunewatch": version("tunewatch"),
    }
