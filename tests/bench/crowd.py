"""A daemon that watches a crowd of invented runs: `python -m tests.bench.crowd PORT RUNS METRICS`.

Everything behind the source is the real thing: worker, board, engine, page and server.
"""

from __future__ import annotations

import sys
import threading
import time

from alerts.engine import Engine
from alerts.model import MetricPoint, Observations, RunFacts, RunUpdate, SourceObservation
from alerts.outbox import Outbox
from alerts.store import MemoryStore
from exporter.board import Board
from exporter.config import DEFAULT_CONFIG
from exporter.daemon import Worker
from exporter.demo.loopback import HOST
from exporter.feed import Feed
from exporter.metrics import alerting, runs
from exporter.metrics.own import ProcessState
from exporter.metrics.page import Page, Section
from exporter.polling import Poller
from exporter.server import Address, Application, Routes, Server
from exporter.server.landing import Landing
from exporter.snapshot import Health, LatestMetric, Reading, Run, Runs

INTERVAL_SECONDS = 2.0
CURVES = ("loss", "grad_norm", "learning_rate", "epoch")
EVAL_STEPS = 10
UP = SourceObservation("mlflow", "", up=True, expected=True)


class Crowd:
    """A source of runs that all log one step between two collections."""

    name = "mlflow"
    interval = INTERVAL_SECONDS
    lifetime: float | None = None
    retry_most: float | None = None
    expected = True

    def __init__(self, count: int, metrics: int, feed: Feed) -> None:
        names = (*CURVES, "eval_loss", *(f"metric_{number}" for number in range(metrics)))
        self._metrics = names[:metrics]
        self._count = count
        self._feed = feed
        self._step = 0
        self._begun = time.time()

    def collect(self, now: float) -> Runs:
        """Return the runs one step further, and tell the engine what they have logged."""
        self._step += 1
        return Runs(tuple(self._run(number, now) for number in range(self._count)))

    def close(self) -> None:
        """Hold nothing."""

    def _run(self, number: int, now: float) -> Run:
        run_id, name = f"{number:032x}", f"llama-3-8b-lora-{number}"
        value = 1 + (number + 1) / self._step
        latest = tuple(LatestMetric(key, value, self._step, now) for key in self._metrics)
        facts = RunFacts(run_id, name, "support-bot", "RUNNING", self._begun)
        judged = len(CURVES) + (self._step % EVAL_STEPS == 0)
        points = tuple(MetricPoint(m.key, m.step, m.time, m.value) for m in latest[:judged])
        self._feed.put(RunUpdate(facts, points, now))
        return Run(
            run_id, name, facts.experiment, "1", "trainer", facts.status, self._begun, None, latest
        )


class Judge:
    """The engine, ticking on news as the run role has it."""

    name = "alerts"

    def __init__(self, board: Board, page: Page, feed: Feed) -> None:
        self._board = board
        self._page = page
        self._feed = feed
        self._engine = Engine(DEFAULT_CONFIG, MemoryStore(), Outbox(()))
        self._engine.restore(time.time())

    def tick(self, now: float) -> float:
        """Judge all news and show the outcome."""
        updates = self._feed.peek()
        self._engine.tick(Observations(updates, None, (UP,)), now)
        self._feed.acknowledge(len(updates))
        health = Health(up=True, attempted_at=now, duration=0.0, last_success_at=now)
        self._board.publish(self.name, Reading(self._engine.view(now), health))
        self._page.warm(self.name, now)
        return INTERVAL_SECONDS


def routes(page: Page) -> Routes:
    """Return the answers of a server that shows a page and nothing else."""
    return Routes(
        metrics=lambda accept, gzip: page.render(time.time(), accept, gzip=gzip),
        problems=list,
        not_ready=list,
        landing=lambda: Landing("", (), time.time()),
        alerts=list,
        node=dict,
        reload=str,
    )


def main(port: int, count: int, metrics: int) -> None:
    """Serve until the process is ended."""
    board, feed = Board(), Feed()
    sections = {
        Crowd.name: Section(runs.families, INTERVAL_SECONDS),
        Judge.name: Section(alerting.families),
    }
    page = Page(board, sections, lambda: ProcessState("", ""))
    source = Crowd(count, metrics, feed)
    died = threading.Event()
    for worker in (
        Worker(source.name, Poller(source, board, on_publish=page.warm).tick),
        Worker(Judge.name, Judge(board, page, feed).tick),
    ):
        worker.start(lambda _reason: died.set())
    Server(Address(HOST, port), Application(routes(page)), lambda _reason: died.set()).start()
    died.wait()


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
