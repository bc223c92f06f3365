"""Programs that are started one after another, awaited, looked after, and ended together."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from exporter.demo.child import Child
from exporter.demo.loopback import free_port
from exporter.demo.watch import Watch
from exporter.sources import SourceDown
from exporter.sources.nvml import NvmlSource

PATIENCE_SECONDS = 180.0
SIMULATED_GPUS = 2

Say = Callable[[str], None]


class DemoError(Exception):
    """The demonstration cannot go on; says why and what to do."""


class Crew:
    """Ends with `stack`, in reverse order; `say` tells the person at the console."""

    def __init__(self, watch: Watch, stack: ExitStack, say: Say) -> None:
        self._watch = watch
        self._stack = stack
        self._say = say

    def join(self, child: Child, name: str, ready: Callable[[], bool]) -> None:
        """Look after a program from now on, and wait until it is ready; raises DemoError."""
        self._stack.callback(child.stop)
        self._watch.over(child)
        took = self._watch.wait_for(
            ready, PATIENCE_SECONDS, lambda gone: self._say(f"  waiting for {name}: {gone:.0f} s")
        )
        if took is None:
            raise DemoError(f"{name} did not answer within {PATIENCE_SECONDS:.0f} s")
        self._say(f"{name} is ready after {took:.1f} s")


def port_for(flag: str, wanted: int | None, usual: int) -> int:
    """Return the wanted port, or the usual one or any; raises DemoError naming the flag."""
    port = free_port(wanted, usual)
    if port is None:
        raise DemoError(f"port {wanted} is in use: choose another with {flag}, or leave it out")
    return port


def gpus_to_simulate(say: Say) -> int:
    """Look for GPUs as the daemon would, say what was found, and return how many to simulate."""
    source = NvmlSource()
    try:
        found = len(source.collect(time.time()).gpus)
    except SourceDown as down:
        say(f"{down.problem}, so {SIMULATED_GPUS} GPUs are simulated")
        return SIMULATED_GPUS
    finally:
        source.close()
    say(f"GPUs of this machine: {found}")
    return 0
