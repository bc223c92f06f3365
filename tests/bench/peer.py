"""Starts nvitop-exporter, unchanged, on stand-in GPUs: `python -m tests.bench.peer GPUS …`."""

from __future__ import annotations

import sys

from nvitop_exporter.cli import main  # type: ignore[import-untyped]  # the peer has no types

from exporter.simulation import SimulatedGpus, SimulatedLibrary, install

if __name__ == "__main__":
    install(SimulatedLibrary(SimulatedGpus(int(sys.argv.pop(1)))))
    sys.exit(main())
