"""What is asked about one crowd, and what each way of asking costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from itertools import product

from tests.bench.asking import Poller, Simple
from tests.bench.costs import Bill, Cost
from tests.bench.relay import Relay
from tests.bench.tracking import JUDGED, Crowd
from tests.support.mlflow_bulk import METRICS
from tests.support.mlflow_server import MlflowServer

NEW_STEPS = 10
FIRST = "first sight"
IDLE = "nothing new"
NEWS = f"{NEW_STEPS} new points each"
AUDIT = "silent runs looked through"
SIMPLE = "search, all histories"
ROUNDS = {10: 8, 100: 4}
"""How often the same is measured, by the number of active runs."""
ROUNDS_OF_MANY = 1
AUDITED_AFTER_SECONDS = 300.0
QUIET_REQUESTS = 5
SAMPLE = 12
SAMPLE_SECONDS = 8.0
"""Reading all histories of a thousand runs would take half an hour: some are read."""


class Case:
    """One crowd at a server that is reached through a counting relay."""

    def __init__(self, crowd: Crowd, server: MlflowServer, relay: Relay) -> None:
        self.crowd = crowd
        self._server = server
        self._relay = relay
        self._poller = Poller(relay.port, crowd.experiment)

    def all_costs(self) -> Iterator[tuple[str, Cost]]:
        """Yield the costs of all that is asked, first of reading the runs with their histories."""
        yield FIRST, self._until_quiet()
        yield from self.costs()
        yield AUDIT, self._until_quiet(AUDITED_AFTER_SECONDS)

    def costs(self) -> Iterator[tuple[str, Cost]]:
        """Yield the costs of polls, with nothing new and with new steps of every run.

        Then what a simple exporter's way costs. Every other poll looks for experiments and ended
        runs too, so an even number of each is measured. No run is silent for so long that hidden
        points are looked for.
        """
        idle, news = self._bill(), self._bill()
        for _ in range(ROUNDS.get(self.crowd.size.runs, ROUNDS_OF_MANY)):
            for bill, steps in ((idle, 0), (idle, 0), (news, NEW_STEPS), (news, NEW_STEPS)):
                self._read(bill, steps)
        yield IDLE, idle.mean
        yield NEWS, news.mean
        yield SIMPLE, self._simply()

    def _simply(self) -> Cost:
        """Search, and read the whole history of every metric: as measured on some of them."""
        search, reads = self._bill(), self._bill()
        with closing(Simple(self._relay.port, self.crowd.experiment)) as simple:
            with search.block():
                run_ids = simple.search()
            some = [(run_id, key) for run_id, key in product(run_ids, JUDGED)]
            end = time.monotonic() + SAMPLE_SECONDS
            for history in some[:: len(some) // SAMPLE]:
                with reads.block():
                    points = simple.read([history])
                if points != self.crowd.logged:
                    raise RuntimeError(f"{points} points of {self.crowd.logged} were read")
                if time.monotonic() > end:
                    break
        return search.mean + reads.mean * (len(run_ids) * len(METRICS))

    def _read(self, bill: Bill, steps: int) -> None:
        """Let every run make some steps, and poll until they were read."""
        self.crowd.log(steps)
        with bill.block():
            missing = self.crowd.judged(steps) - self._poller.poll()
            while missing > 0:
                missing -= self._poller.poll()

    def _until_quiet(self, after: float = 0.0) -> Cost:
        """Poll, first after some seconds, until a poll has nothing to read."""
        bill = self._bill()
        points, requests = 1, 0.0
        while points or requests > QUIET_REQUESTS:
            asked = bill.total.requests
            with bill.block():
                points = self._poller.poll(after)
            requests = bill.total.requests - asked
            after = 0.0  # if the clock went on, the runs read first would be silent by the end
        return bill.total

    def _bill(self) -> Bill:
        return Bill(self._server, self._relay)
