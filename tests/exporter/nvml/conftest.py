"""The stand-in library in pynvml's hands, and a source that reads it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exporter.simulation import SimulatedGpus, SimulatedLibrary, installed
from exporter.sources.nvml import NvmlSource

STANDSTILL = 1_760_000_000.0


@pytest.fixture
def library() -> Iterator[SimulatedLibrary]:
    """Install two simulated GPUs whose clock stands still."""
    with installed(SimulatedLibrary(SimulatedGpus(2, clock=lambda: STANDSTILL))) as library:
        yield library


@pytest.fixture
def source(library: SimulatedLibrary) -> NvmlSource:
    """Return a source that has opened no session yet."""
    assert library.sessions == 0
    return NvmlSource(simulated=True)
