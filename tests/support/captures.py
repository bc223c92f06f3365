"""Readings of what a capture answers, and captures of simulated GPUs under a clock of their own."""

from __future__ import annotations

from dataclasses import replace

from exporter.app import gpu_capture
from exporter.metrics.encoding import Format, encode
from exporter.metrics.gpu import families
from exporter.simulation import SimulatedLibrary, installed, simulated_gpus
from exporter.simulation.capture import Capture, ReplayedLibrary
from exporter.simulation.installation import standing_in
from exporter.snapshot import Gpus
from exporter.sources.nvml import NvmlSource

DRIVER_LOADED = 1_760_000_000.0
BEGUN = DRIVER_LOADED + 60
READING_SECONDS = 0.003


class Clock:
    """A time that only waiting moves on."""

    def __init__(self) -> None:
        self.now = DRIVER_LOADED

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""
        self.now += seconds


def captured(profile: str, count: int = 1) -> tuple[Capture, Gpus]:
    """Return a capture of simulated GPUs, and what reading them as often gave."""
    clock = Clock()
    with installed(SimulatedLibrary(simulated_gpus(count, profile, clock=lambda: clock.now))):
        clock.now = BEGUN
        clocks = gpu_capture.Clocks(lambda: clock.now, clock.wait, lambda: 0.0)
        capture = gpu_capture.take(simulated=True, clocks=clocks)
        source = NvmlSource(simulated=True)
        for collection in capture.collections:
            clock.now = capture.begun + collection.at
            reading = source.collect(clock.now)
    return capture, reading


def replayed(capture: Capture) -> Gpus:
    """Read the GPUs of a capture as often as it was done when it was made."""
    with standing_in(ReplayedLibrary(capture)) as library:
        source = NvmlSource(simulated=capture.simulated)
        for number, collection in enumerate(capture.collections):
            library.begin(number)
            reading = source.collect(capture.begun + collection.at)
    return reading


def page(reading: Gpus) -> str:
    """Return the metrics page of a reading, as if each GPU had been read equally fast."""
    timed = (replace(gpu, collection_seconds=READING_SECONDS) for gpu in reading.gpus)
    return encode(families(replace(reading, gpus=tuple(timed))), Format.TEXT).text.decode()
