"""A real MLflow server with as many runs as wanted, and what a poll of it costs both sides."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path
from typing import NamedTuple

from alerts.history import Roles
from exporter.app.runs import rule_inputs
from exporter.config import DEFAULT_CONFIG
from exporter.demo.loopback import request
from exporter.feed import Feed
from exporter.sources.mlflow import MlflowSettings, MlflowSource
from tests.support.mlflow_bulk import METRICS, Bulk, extend, fill
from tests.support.mlflow_server import MlflowServer, make_database

EVERY_MS = 10_000
EVAL_STEPS = 10
ROOM_STEPS = 1000
"""Steps for which there is time between the last one at first and now."""

CURVES = tuple(key for key in METRICS if key != "eval_loss")
_plays = Roles(DEFAULT_CONFIG.rules.metrics).plays
JUDGED = tuple(key for key in CURVES if _plays(key))
"""The curves of which every point is read, because a rule looks at it."""


@dataclass(slots=True)
class Crowd:
    """Active runs in an experiment of their own, which move on together.

    `curves` is the shape of what they log at every step, `evals` that of the loss of evaluations.
    """

    server: MlflowServer
    experiment: str
    run_ids: list[str]
    curves: Bulk
    evals: Bulk
    logged: int
    """Steps so far."""

    def log(self, steps: int) -> None:
        """Let every run log further steps, and evaluate after each tenth."""
        self._extend(self.curves, self.logged, self.logged + steps)
        self._extend(self.evals, self.logged // EVAL_STEPS, (self.logged + steps) // EVAL_STEPS)
        self.logged += steps

    def judged(self, steps: int) -> int:
        """Return how many points of the last steps the rules want to see."""
        evals = self.logged // EVAL_STEPS - (self.logged - steps) // EVAL_STEPS
        return len(self.run_ids) * (steps * len(JUDGED) + evals)

    def _extend(self, shape: Bulk, first: int, end: int) -> None:
        if end > first:
            points = end - first
            extend(self.server.database, self.run_ids, shape, first=first, points=points)


@contextlib.contextmanager
def tracking_server(folder: Path) -> Iterator[MlflowServer]:
    """Run a server with an empty SQLite database in the folder."""
    empty = folder / "empty.db"
    make_database(empty)
    server = MlflowServer(folder, empty)
    server.start()
    try:
        server.wait()
        yield server
    finally:
        server.stop()


def crowd(server: MlflowServer, runs: int, steps: int, finished: int) -> Crowd:
    """Put active runs with a history, and finished ones beside them, into a new experiment."""
    experiment = f"bench-{runs}"
    started = round(time.time() * 1000) - (steps + ROOM_STEPS) * EVERY_MS
    curves = Bulk(started, runs=runs, metrics=CURVES, points=steps, every=EVERY_MS)
    evals = replace(
        curves,
        metrics=("eval_loss",),
        stride=curves.stride * EVAL_STEPS,
        every=curves.every * EVAL_STEPS,
    )
    run_ids = fill(server.database, experiment, curves)
    extend(server.database, run_ids, evals, first=0, points=steps // EVAL_STEPS)
    fill(server.database, experiment, Bulk(started, runs=finished, points=1, status="FINISHED"))
    return Crowd(server, experiment, run_ids, curves, evals, steps)


class Cost(NamedTuple):
    """What something costs: seconds on the clock, CPU seconds of client and server."""

    wall: float
    client: float
    server: float


@contextlib.contextmanager
def costs(server: MlflowServer, found: list[Cost]) -> Iterator[None]:
    """Append to `found` what the block costs."""
    before = (time.perf_counter(), time.process_time(), server.cpu_seconds())
    yield
    after = (time.perf_counter(), time.process_time(), server.cpu_seconds())
    found.append(Cost(*(b - a for a, b in zip(before, after, strict=True))))


class Poller:
    """The daemon's own source on a crowd, with nobody behind it, under a clock that it is told."""

    def __init__(self, uri: str, experiment: str) -> None:
        self._feed = Feed()
        settings = MlflowSettings(tracking_uri=uri, experiments=(escape(experiment),))
        self._source = MlflowSource(settings, self._feed, rule_inputs(DEFAULT_CONFIG))
        self._now = time.time()

    def poll(self, after: float | None = None) -> int:
        """Poll once, seconds after the poll before (by default at the interval).

        Returns how many points came.
        """
        self._now += self._source.interval if after is None else after
        self._source.collect(self._now)
        news = self._feed.peek()
        self._feed.acknowledge(len(news))
        return sum(len(update.points) for update in news)

    def poll_for(self, points: int) -> int:
        """Poll once, and again until so many points have come; return how many polls it took."""
        points -= self.poll()
        polls = 1
        while points > 0:
            points -= self.poll()
            polls += 1
        return polls


class Answers(NamedTuple):
    """How many requests were answered, and how many bytes the answers had."""

    requests: int
    size: int


def naive_poll(crowd: Crowd) -> Answers:
    """Search for the runs and read each of their histories in full."""
    found = _ask(crowd, f"experiments/get-by-name?experiment_name={crowd.experiment}")
    search = {
        "experiment_ids": [json.loads(found)["experiment"]["experiment_id"]],
        "filter": "attributes.status = 'RUNNING'",
        "max_results": 1000,
    }
    histories = (
        _ask(crowd, f"metrics/get-history?run_id={run_id}&metric_key={key}")
        for run_id in crowd.run_ids
        for key in METRICS
    )
    sizes = [len(text) for text in (_ask(crowd, "runs/search", search), *histories)]
    return Answers(len(sizes), sum(sizes))


def _ask(crowd: Crowd, path: str, body: object = None) -> str:
    method, text = ("GET", None) if body is None else ("POST", json.dumps(body))
    status, answer = request(crowd.server.port, method, f"/api/2.0/mlflow/{path}", text)
    if status != 200:
        raise RuntimeError(f"the server answered {path} with {status}: {answer[:200]}")
    return answer
