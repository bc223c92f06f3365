"""GPUs, sources and nodes under a clock that a test turns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from alerts.fleet import Fleet
from alerts.model import (
    GpuObservation,
    Inventory,
    NodeObservation,
    Observations,
    SourceObservation,
    Transition,
)
from alerts.thresholds import Limits
from tests.support.histories import START, limits

STEP = 30.0
NODE = "n1"


def gpu(pct: float = 50.0, uuid: str = "GPU-1", node: str = NODE) -> GpuObservation:
    """Return a healthy GPU whose memory is so full, and of which nothing else is known."""
    return GpuObservation(uuid, 0, node, round(pct * 1e9), 100_000_000_000, START)


class Watchman:
    """A fleet, and what it told; `every` seconds lie between two looks.

    What is seen is seen as of the look, whatever time it carries.
    """

    def __init__(self, under: Limits | None = None) -> None:
        self.fleet = Fleet()
        self.limits = under or limits()
        self.now = START
        self.told: list[Transition] = []

    def see(
        self,
        *gpus: GpuObservation,
        sources: tuple[SourceObservation, ...] = (),
        inventories: Sequence[Inventory] = (),
        nodes: tuple[NodeObservation, ...] | None = None,
        seconds: float = STEP,
        every: float = STEP,
    ) -> list[tuple[str, str, float]]:
        """Look for so long; return rule, state and how long after the start each thing was told."""
        told = []
        for _ in range(round(seconds / every)):
            seen = Observations(
                gpus=tuple(replace(each, observed_at=self.now) for each in gpus),
                sources=sources,
                inventories=tuple(replace(each, observed_at=self.now) for each in inventories),
                nodes=nodes,
            )
            told += self.fleet.observe(seen, self.limits, self.now)
            told += self.fleet.tick(self.limits, self.now)
            self.now += every
        self.told += told
        return [(t.key.rule, t.state, t.at - START) for t in told]

    def restart(self) -> None:
        """Go on with what the state document holds, as another process would."""
        self.fleet = Fleet.from_document(json.loads(json.dumps(self.fleet.to_document())))
