"""Prints what the stand-in GPUs cost the process that holds them, in MiB."""

from __future__ import annotations

import sys
from pathlib import Path

import pynvml

from exporter.sources.nvml import NvmlSource

PAGE_MIB = 4096 / 2**20


def resident() -> float:
    """Return the resident memory of this process in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_MIB


if __name__ == "__main__":
    # With the source everything is loaded that the stand-in shares with the rest of a daemon.
    source = NvmlSource(simulated=True)
    before = resident()
    from exporter.simulation import SimulatedLibrary, install, simulated_gpus

    install(SimulatedLibrary(simulated_gpus(int(sys.argv[1]), sys.argv[2])))
    pynvml.nvmlInit()
    print(f"{resident() - before:.2f}")
