"""Starts nvitop-exporter, unchanged, on stand-in GPUs: `… tests.bench.peer GPUS PROFILE …`."""

from __future__ import annotations

import sys

from nvitop_exporter.cli import main  # type: ignore[import-untyped]  # the peer has no types

from exporter.simulation import SimulatedLibrary, install, simulated_gpus

if __name__ == "__main__":
    count, profile = int(sys.argv.pop(1)), sys.argv.pop(1)
    install(SimulatedLibrary(simulated_gpus(count, profile)))
    sys.exit(main())
