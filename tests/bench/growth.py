"""Costs of polls as tables: all of them, and by which factors they grow with what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.bench.cases import IDLE, NEWS, SIMPLE
from tests.bench.costs import Cost
from tests.bench.table import Row, show
from tests.bench.tracking import JUDGED, Size
from tests.support.mlflow_bulk import METRICS


class Place(NamedTuple):
    """Where something was measured: with these active runs, among so many finished ones."""

    size: Size
    finished: int

    def __str__(self) -> str:
        """Return the three numbers as a cell of a table."""
        return f"{self.size.runs:,} / {self.size.steps:,} / {self.finished:,}"


Costs = dict[tuple[Place, str], Cost]
"""By place, and by how the server was asked."""


def show_costs(costs: Costs) -> None:
    """Print one row for each cost."""
    show(
        f"Polls of active runs with {len(METRICS)} metrics each, {len(JUDGED) + 1} of them judged"
        " point by point",
        (
            *("active runs", "points before", "finished runs", "asked", "requests", "KiB"),
            *("wall ms", "client CPU ms", "server CPU ms", "all histories : this, server CPU"),
        ),
        list(_rows(costs)),
    )


def show_growth(costs: Costs, places: Sequence[tuple[str, Place, Place]]) -> None:
    """Print what the costs at each second place are, in multiples of those at the first."""
    show(
        "By which factor it grows: active runs / points before / finished runs",
        (
            *("with", "from", "to", "nothing new: KiB", "server CPU", "client CPU"),
            *("new points: KiB", "server CPU", "client CPU", "all histories: server CPU"),
        ),
        [(what, str(a), str(b), *_factors(costs, a, b)) for what, a, b in places],
    )


def _rows(costs: Costs) -> Iterator[Row]:
    for (place, asked), cost in costs.items():
        (runs, steps), finished = place
        milliseconds = [1000 * seconds for seconds in (cost.wall, cost.client, cost.server)]
        figures = (cost.requests, cost.size / 1024, *milliseconds)
        yield (runs, steps, finished, asked, *figures, costs[place, SIMPLE].server / cost.server)


def _factors(costs: Costs, before: Place, after: Place) -> Iterator[float]:
    for asked in (IDLE, NEWS):
        a, b = costs[before, asked], costs[after, asked]
        yield from (b.size / a.size, b.server / a.server, b.client / a.client)
    yield costs[after, SIMPLE].server / costs[before, SIMPLE].server
