"""What is stored of runs, and what it costs another process to go on from there."""

from __future__ import annotations

import argparse
import gzip
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from alerts.engine import Engine
from alerts.model import Observations, SourceObservation
from alerts.outbox import Outbox
from alerts.store import FileStore
from exporter.app.runs import marks, rule_inputs
from exporter.config import DEFAULT_CONFIG
from exporter.demo.loopback import HOST
from exporter.feed import Feed
from exporter.sources.mlflow import MlflowSettings, MlflowSource
from tests.bench.costs import Bill, Cost
from tests.bench.relay import relay
from tests.bench.table import Row, machine, show
from tests.bench.tracking import Crowd, Size, make_crowds, tracking_server
from tests.support.mlflow_server import MlflowServer

UP = SourceObservation("mlflow", "bench", up=True, expected=True)
PATIENT_SECONDS = 300.0


@dataclass(slots=True)
class Process:
    """The run role without anybody to tell, on a state file."""

    engine: Engine
    store: FileStore
    source: MlflowSource
    feed: Feed

    @classmethod
    def start(cls, port: int, experiment: str, state: Path) -> Process:
        """Take over what the file holds."""
        store, feed = FileStore(state), Feed()
        engine = Engine(DEFAULT_CONFIG, store, Outbox(()))
        engine.restore(time.time())
        settings = MlflowSettings(
            tracking_uri=f"http://{HOST}:{port}",
            experiments=(escape(experiment),),
            timeout=PATIENT_SECONDS,
        )
        found = marks(engine.cursors())
        source = MlflowSource(settings, feed, rule_inputs(DEFAULT_CONFIG), found)
        return cls(engine, store, source, feed)

    def catch_up(self) -> None:
        """Poll and judge until nothing more comes."""
        now, quiet = time.time(), 0
        while quiet < 2:
            now += self.source.interval
            self.source.collect(now)
            news = self.feed.peek()
            self.engine.tick(Observations(news, None, (UP,)), now)
            self.feed.acknowledge(len(news))
            quiet = 0 if news else quiet + 1
        self.engine.flush(now)


def measure(server: MlflowServer, crowd: Crowd, state: Path) -> Iterator[Row]:
    """Yield the cost of first sight and of going on, and then what was stored."""
    with relay(server.port) as between:
        for what in ("first sight", "after a restart"):
            bill = Bill(server, between)
            with bill.block():
                process = Process.start(between.port, crowd.experiment, state)
                process.catch_up()
            saved, process_seconds = state.read_bytes(), timed(process)
            process.store.close()
            yield row(crowd, what, bill.total, saved, process_seconds)


def timed(process: Process) -> float:
    """Return for how many seconds of CPU the state is stored."""
    before = time.thread_time()
    process.engine.flush(time.time())
    return time.thread_time() - before


def row(crowd: Crowd, what: str, cost: Cost, stored: bytes, saving: float) -> Row:
    """Return the figures of one process."""
    runs, kib = crowd.size.runs, 1024
    sizes = len(stored) / kib, len(stored) / kib / runs, len(gzip.compress(stored)) / kib
    costs = cost.requests, cost.size / kib, cost.wall, cost.client, cost.server
    return (runs, crowd.size.steps, what, *costs, *sizes, 1000 * saving)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[30, 100])
    parser.add_argument("--steps", type=int, default=1_000, help="that each has logged")
    given = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder, sizes = Path(name), [Size(runs, given.steps) for runs in given.runs]
        crowds = make_crowds(folder / "mlflow.db", sizes)
        with tracking_server(folder) as server:
            rows = [
                cells
                for crowd in crowds
                for cells in measure(server, crowd, folder / f"{crowd.experiment}.json")
            ]
    show(
        "State, and what it costs to have judged all runs",
        (
            *("runs", "steps", "seen", "requests", "KiB", "wall s", "CPU s", "server CPU s"),
            *("state KiB", "a run", "gzipped KiB", "saving CPU ms"),
        ),
        rows,
    )


if __name__ == "__main__":
    main()
