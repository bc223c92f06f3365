"""The GPU source of this process, real or simulated."""

from __future__ import annotations

from exporter.config import Config
from exporter.options import RunOptions
from exporter.sources import Source
from exporter.sources.nvml import NvmlSource


def nvml_source(options: RunOptions, config: Config) -> Source:
    """Return the GPUs of this machine, or simulated ones where asked for."""
    if options.simulate:
        from exporter import simulation  # noqa: PLC0415 - a real node has no use for it

        simulation.install(simulation.SimulatedLibrary(simulation.SimulatedGpus(options.simulate)))
    return NvmlSource(interval=config.nvml.interval, simulated=options.simulate > 0)
