"""What asking a tracking server costs both sides."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.relay import Relay
from tests.support.mlflow_server import MlflowServer


@dataclass(frozen=True, slots=True)
class Cost:
    """Requests, bytes of the answers, seconds on the clock, CPU seconds of client and server."""

    requests: float = 0
    size: float = 0
    wall: float = 0
    client: float = 0
    server: float = 0

    def __add__(self, other: Cost) -> Cost:
        """Return the cost of both."""
        return Cost(*(a + b for a, b in zip(self.row(), other.row(), strict=True)))

    def __mul__(self, factor: float) -> Cost:
        """Return the cost of so many of the kind."""
        return Cost(*(factor * value for value in self.row()))

    def row(self) -> tuple[float, float, float, float, float]:
        """Return the figures in order."""
        return self.requests, self.size, self.wall, self.client, self.server


@dataclass(slots=True)
class Bill:
    """The sum of the costs of some blocks, and how many they were."""

    server: MlflowServer
    relay: Relay
    total: Cost = Cost()
    blocks: int = 0

    @contextlib.contextmanager
    def block(self) -> Iterator[None]:
        """Add what the block costs; of this process only the calling thread is counted."""
        before = self._reading()
        yield
        self.total += self._reading() + before * -1
        self.blocks += 1

    @property
    def mean(self) -> Cost:
        """The cost of one block."""
        return self.total * (1 / self.blocks)

    def _reading(self) -> Cost:
        clocks = time.perf_counter(), time.thread_time(), self.server.cpu_seconds()
        return Cost(*self.relay.traffic, *clocks)
