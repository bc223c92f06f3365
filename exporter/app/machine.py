"""What this process reads of its own machine: one row for each source."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from exporter.app.sources import nvml_source
from exporter.board import Board
from exporter.config import Config
from exporter.metrics import gpu, pods
from exporter.metrics.fragment import Families
from exporter.metrics.health import expired
from exporter.options import OptionError, RunOptions
from exporter.snapshot import Gpus
from exporter.sources import Source


class Published(NamedTuple):
    """A source and what its readings add to the page."""

    source: Source
    families: Families


def machine_sources(options: RunOptions, config: Config, board: Board) -> Iterator[Published]:
    """Yield the sources of this machine that are on, in page order.

    Raises exporter.options.OptionError for a source that has nothing to read.
    """
    if options.collect_nvml:
        yield Published(nvml_source(options, config), _gpu_families(options, config))
    if options.collect_pods or (options.collect_pods is None and _is_socket(options)):
        # Most machines are in no cluster, and need none of what speaks with a kubelet.
        from exporter.sources.pods import PodsSource  # noqa: PLC0415 - as said

        asked_for = bool(options.collect_pods)
        source = PodsSource(_gpus(board), options.pods_socket, expected=asked_for)
        yield Published(source, pods.families)
    if options.collect_processes:
        if not options.collect_nvml:
            raise OptionError(
                "--collector.processes adds up what --collector.nvml reads, which is off"
            )
        from exporter.sources.processes import ProcessesSource  # noqa: PLC0415 - as above

        yield Published(ProcessesSource(_gpus(board)), pods.share_families)


def _gpu_families(options: RunOptions, config: Config) -> Families:
    if not config.nvml.dcgm_aliases:
        return gpu.families
    from exporter.metrics import dcgm  # noqa: PLC0415 - most have no use for it

    return dcgm.with_aliases(gpu.families, options.node)


def _is_socket(options: RunOptions) -> bool:
    try:
        return options.pods_socket.is_socket()
    except OSError:
        # Who may not look into the directory may not open the socket either.
        return False


def _gpus(board: Board) -> Callable[[], Gpus | None]:
    """Return a way to ask for the GPUs as last read, as long as that holds."""

    def gpus() -> Gpus | None:
        reading = board.read().get("nvml")
        fresh = reading is not None and not expired(reading, time.time())
        return reading.data if reading is not None and fresh else None

    return gpus
