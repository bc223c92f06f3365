"""The GPU source of this process, real or simulated."""

from __future__ import annotations

from exporter.config import Config
from exporter.options import RunOptions
from exporter.sources import Source
from exporter.sources.nvml import Bus, NvmlSource


def nvml_source(options: RunOptions, config: Config) -> Source:
    """Return the GPUs of this machine, or simulated ones where asked for."""
    processes = options.collect_processes
    if options.simulate:
        from exporter import simulation  # noqa: PLC0415 - a real node has no use for it

        gpus = simulation.simulated_gpus(options.simulate, options.simulate_profile)
        simulation.install(simulation.SimulatedLibrary(gpus))
        return NvmlSource(interval=config.nvml.interval, simulated=True, processes=processes)
    return NvmlSource(interval=config.nvml.interval, bus=Bus(), processes=processes)
