"""How the process lets go of the NVIDIA driver, and holds it again, when a person asks."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Mapping

from exporter.daemon import Hook, Hooks, Worker
from exporter.sources import Source
from exporter.sources.nvml import NvmlSource

log = logging.getLogger("tunewatch")

RELEASE, TAKE_BACK = signal.SIGUSR1, signal.SIGUSR2
XID_WORKER = "nvml-xids"


def companions(source: Source) -> tuple[Worker, ...]:
    """Return the workers that a source has beside the one that collects: GPUs report Xid errors.

    A wait in the driver that never returns harms nobody else, so that it counts as healthy.
    """
    return (Worker(XID_WORKER, source.watch.tick),) if isinstance(source, NvmlSource) else ()


def driver_signals(workers: Mapping[Source, Worker]) -> Hooks:
    """Return what SIGUSR1 and SIGUSR2 do, given the sources with the workers that collect.

    Without a hook either would end the process; where no GPUs are read they are only logged.
    """
    held = [(s, worker) for s, worker in workers.items() if isinstance(s, NvmlSource)]

    def hook(number: signal.Signals, does: str, act: Callable[[NvmlSource], None]) -> Hook:
        def answer() -> None:
            log.info("%s: %s", number.name, does if held else "no GPUs are read here")
            for source, worker in held:
                act(source)
                worker.wake()

        return answer

    return {
        RELEASE: hook(RELEASE, "giving the NVIDIA driver back", NvmlSource.release),
        TAKE_BACK: hook(TAKE_BACK, "taking the NVIDIA driver again", NvmlSource.take_back),
    }
