"""What mirroring MLflow runs costs the tracking server, the source and the daemon."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from statistics import fmean

from exporter.demo.child import own_environment
from tests.bench.daemons import measure_daemons
from tests.bench.programs import Bench, bench
from tests.bench.table import Row, machine, show
from tests.bench.tracking import (
    JUDGED,
    Answers,
    Cost,
    Crowd,
    Poller,
    costs,
    crowd,
    naive_poll,
    tracking_server,
)
from tests.support.mlflow_bulk import METRICS
from tests.support.mlflow_faults import FaultyServer, faulty

HISTORY = {10: 1000, 100: 1000}
"""Steps that the runs have logged before, by the number of runs."""
SHORT_HISTORY = 100
FINISHED = 1000
NEW_STEPS = 10
REPEATS = 5
AUDITED_AFTER_SECONDS = 300.0
NAIVE_AT_MOST = 10
"""Runs above which the naive poll takes minutes."""


class Case:
    """Runs polled directly for the cost, and through a proxy for what is transferred."""

    def __init__(self, crowd: Crowd, proxy: FaultyServer) -> None:
        self._crowd = crowd
        self._proxy = proxy
        self._direct = Poller(crowd.server.uri, crowd.experiment)
        self._counted = Poller(proxy.uri, crowd.experiment)

    def first_sight(self) -> Row:
        """Read the runs with their histories."""
        found: list[Cost] = []
        polls, answers = self._read(self._crowd.judged(self._crowd.logged), found)
        return self._row("first sight", polls, answers, found)

    def later(self, name: str, steps: int) -> Row:
        """Read again after every run has made so many steps; a cost is the mean of some."""
        found: list[Cost] = []
        for _ in range(REPEATS):
            self._crowd.log(steps)
            polls, answers = self._read(self._crowd.judged(steps), found)
        return self._row(name, polls, answers, found)

    def audited(self) -> Row:
        """Look for hidden points of runs that have been silent for long."""
        found: list[Cost] = []
        with costs(self._crowd.server, found):
            self._direct.poll(AUDITED_AFTER_SECONDS)
        self._proxy.requests.clear()
        self._counted.poll(AUDITED_AFTER_SECONDS)
        return self._row("silent runs audited", 1, self._transferred(), found)

    def naively(self) -> Row:
        """Do what a simple exporter does."""
        found: list[Cost] = []
        with costs(self._crowd.server, found):
            answers = naive_poll(self._crowd)
        return self._row("search, all histories", 1, answers, found)

    def _read(self, points: int, found: list[Cost]) -> tuple[int, Answers]:
        """Poll until so many points have come."""
        with costs(self._crowd.server, found):
            polls = self._direct.poll_for(points)
        self._proxy.requests.clear()
        self._counted.poll_for(points)
        return polls, self._transferred()

    def _transferred(self) -> Answers:
        sizes = [request.answered_bytes for request in self._proxy.requests]
        return Answers(len(sizes), sum(sizes))

    def _row(self, name: str, polls: int, answers: Answers, found: Sequence[Cost]) -> Row:
        runs, history = len(self._crowd.run_ids), self._crowd.curves.points
        means = [fmean(column) for column in zip(*found, strict=True)]
        return (runs, history, name, polls, answers.requests, answers.size / 1024, *means)


def measure_polls(crowds: Sequence[Crowd]) -> None:
    """Measure polls, and print a table."""
    rows: list[Row] = []
    for one in crowds:
        with faulty(one.server.port) as proxy:
            case = Case(one, proxy)
            rows.append(case.first_sight())
            rows.append(case.later("nothing new", 0))
            rows.append(case.later(f"{NEW_STEPS} new steps each", NEW_STEPS))
            rows.append(case.audited())
            if len(one.run_ids) <= NAIVE_AT_MOST:
                rows.append(case.naively())
    show(
        f"Polls of active runs with {len(METRICS)} metrics each, {len(JUDGED) + 1} of them judged"
        f" point by point, beside {FINISHED:,} finished runs in the same experiment",
        (
            *("active runs", "steps before", "poll", "polls", "requests", "KiB"),
            *("wall s", "client CPU s", "server CPU s"),
        ),
        rows,
    )


def measure(stand: Bench, counts: Sequence[int], seconds: int) -> None:
    """Measure, and print the tables."""
    with tracking_server(stand.folder) as server:
        crowds = [crowd(server, n, HISTORY.get(n, SHORT_HISTORY), FINISHED) for n in counts]
        measure_polls(crowds)
        measure_daemons(stand, crowds, seconds)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--seconds", type=int, default=60, help="of each daemon (default: 60)")
    given = parser.parse_args()
    # The source asks MLflow's own variables: none of them may lead elsewhere than to our server.
    kept = own_environment(os.environ)
    os.environ.clear()
    os.environ.update(kept)
    print(machine())
    with bench() as stand:
        measure(stand, given.runs, given.seconds)


if __name__ == "__main__":
    main()
