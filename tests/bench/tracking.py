"""A real MLflow server with as many active and finished runs as wanted."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from alerts.history import Roles
from exporter.config import DEFAULT_CONFIG
from tests.support.mlflow_bulk import METRICS, Bulk, extend, fill, without_indexes
from tests.support.mlflow_server import MlflowServer, make_database

EVERY_MS = 10_000
EVAL_STEPS = 10
ROOM_STEPS = 2000
"""Steps for which there is time between the last one at first and now."""

CURVES = tuple(key for key in METRICS if key != "eval_loss")
_plays = Roles(DEFAULT_CONFIG.rules.metrics).plays
JUDGED = tuple(key for key in CURVES if _plays(key))
"""The curves of which every point is read, because a rule looks at it."""
OTHERS = tuple(key for key in CURVES if key not in JUDGED)


class Size(NamedTuple):
    """How many runs are active together, and how many steps each has logged before."""

    runs: int
    steps: int


@dataclass(slots=True)
class Crowd:
    """Active runs in an experiment of their own, which move on together.

    `curves` is the shape of what they log at every step. The metrics that rules look at have whole
    histories, of the others there is the last point, which keeps the database small; the loss of
    evaluations is logged at each tenth step.
    """

    database: Path
    size: Size
    curves: Bulk
    run_ids: list[str]
    logged: int
    """Steps so far."""

    @property
    def experiment(self) -> str:
        """The name of the experiment."""
        return _experiment(self.size)

    def log(self, steps: int) -> None:
        """Let every run log further steps, and evaluate after each tenth."""
        self._extend(self.curves, self.logged, self.logged + steps)
        evaluated = self.logged // EVAL_STEPS, (self.logged + steps) // EVAL_STEPS
        self._extend(_evals(self.curves), *evaluated)
        self.logged += steps

    def judged(self, steps: int) -> int:
        """Return how many points of the last steps the rules want to see."""
        evaluated = self.logged // EVAL_STEPS - (self.logged - steps) // EVAL_STEPS
        return len(self.run_ids) * (steps * len(JUDGED) + evaluated)

    def _extend(self, shape: Bulk, first: int, end: int) -> None:
        if end > first:
            extend(self.database, self.run_ids, shape, first=first, points=end - first)


def make_crowds(database: Path, sizes: Sequence[Size]) -> list[Crowd]:
    """Return crowds in a new database."""
    make_database(database)
    with without_indexes(database):
        return [_crowd(database, size) for size in sizes]


def add_finished(database: Path, sizes: Sequence[Size], count: int) -> None:
    """Put finished runs into the experiments of the crowds, into each as many."""
    long_ago = round(time.time() * 1000) - 10**10
    for number, size in enumerate(sizes):
        share = (count + number) // len(sizes)
        fill(database, _experiment(size), Bulk(long_ago, runs=share, points=1, status="FINISHED"))


@contextlib.contextmanager
def tracking_server(folder: Path) -> Iterator[MlflowServer]:
    """Run a server with the SQLite database `mlflow.db` in the folder."""
    server = MlflowServer(folder)
    server.start()
    try:
        server.wait()
        yield server
    finally:
        server.stop()


def _crowd(database: Path, size: Size) -> Crowd:
    started = round(time.time() * 1000) - (size.steps + ROOM_STEPS) * EVERY_MS
    curves = Bulk(started, size.runs, CURVES, size.steps, every=EVERY_MS)
    run_ids = fill(database, _experiment(size), replace(curves, metrics=JUDGED))
    others, last = replace(curves, metrics=OTHERS), size.steps - 1
    extend(database, run_ids, others, first=last, points=1)
    extend(database, run_ids, _evals(curves), first=0, points=size.steps // EVAL_STEPS)
    return Crowd(database, size, curves, run_ids, size.steps)


def _experiment(size: Size) -> str:
    return f"bench-{size.runs}-{size.steps}"


def _evals(curves: Bulk) -> Bulk:
    return replace(
        curves,
        metrics=("eval_loss",),
        stride=curves.stride * EVAL_STEPS,
        every=curves.every * EVAL_STEPS,
    )
