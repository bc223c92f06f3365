"""Never two holders at once, whatever clocks, networks and schedulers do."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.leadership import (
    Candidate,
    Observed,
    Record,
    Step,
    Tenure,
    Timing,
    decide,
    observe,
)

TIMING = Timing(15.0)
STORMY, END = 400.0, 550.0
"""Seconds: until when things go wrong, and when to look who holds the Lease."""

Life = Generator[float, None, None]
"""A process, as the seconds that pass between its steps."""


class Conflict(Exception):  # noqa: N818 - an answer
    """The Lease has changed since it was read."""


@dataclass
class Server:
    """The API server: one Lease, guarded by its version."""

    record: Record | None = None
    writes: int = 0

    def write(self, holder: str, guard: Record | None) -> Record:
        if self.record != guard:
            raise Conflict
        self.writes += 1
        self.record = Record(holder, TIMING.promise, 0, str(self.writes))
        return self.record


class Held(NamedTuple):
    who: str
    begin: float
    end: float


@dataclass
class World:
    """Real time, which no process knows, and what is drawn for it."""

    chance: random.Random
    freezing: float
    losing: float
    resigning: float
    now: float = 0.0

    def delay(self) -> float:
        """Seconds that a message or a thought takes: mostly little, at times very much."""
        if self.now < STORMY and self.chance.random() < self.freezing:
            return self.chance.uniform(0, 5 * TIMING.lease_duration)
        return self.chance.uniform(0, 0.3)

    def loses(self) -> bool:
        return self.now < STORMY and self.chance.random() < self.losing

    def resigns(self) -> bool:
        return self.now < STORMY and self.chance.random() < self.resigning


class Process:
    """A candidate with a clock of its own; `held` are the times at which it would have acted."""

    def __init__(self, world: World, server: Server, name: str, clock: tuple[float, float]) -> None:
        self.name = name
        self.held: list[Held] = []
        self._world = world
        self._server = server
        self._offset, self._rate = clock
        self._me = Candidate(name)
        self._tenure: Tenure | None = None
        self._seen: Observed | None = None

    def live(self) -> Life:
        while True:
            try:
                if not self._holds() or self._seen is None:
                    yield from self._look()
                yield from self._act()
            except Conflict:
                yield from self._look()
            yield self._pause()

    def _pause(self) -> float:
        if self._holds():
            return TIMING.renew_period
        assert self._seen is not None
        # The most eager of candidates: looks again just when the Lease may be free.
        left = (self._seen.free_at - self._clock()) / self._rate
        return min(left, TIMING.candidate_period) if left > 0 else TIMING.candidate_period

    def _clock(self) -> float:
        return self._offset + self._rate * self._world.now

    def _holds(self) -> bool:
        return self._tenure is not None and self._tenure.holds(self._clock())

    def _look(self) -> Life:
        yield self._world.delay()
        record = self._server.record
        yield self._world.delay()
        self._seen = observe(self._seen, record, self._clock())

    def _act(self) -> Life:
        if self._holds() and self._world.resigns():
            self._resign()
        assert self._seen is not None
        step = decide(replace(self._me, holding=self._holds()), self._seen, self._clock())
        yield self._world.delay()
        if step is Step.RELEASE:
            yield from self._write("")
        elif step not in (Step.WAIT, Step.LOST):
            sent_at = self._clock()
            yield from self._write(self.name)
            self._take(Tenure(sent_at, TIMING.renew_deadline))

    def _write(self, holder: str) -> Life:
        assert self._seen is not None
        guard = self._seen.record
        yield self._world.delay()
        record = self._server.write(holder, guard)
        yield self._world.delay()
        if self._world.loses():
            # The write was carried out and we never hear of it: the next one will conflict.
            raise Conflict
        self._seen = observe(self._seen, record, self._clock())

    def _take(self, tenure: Tenure) -> None:
        self._tenure = tenure
        if self._holds():
            ends = (tenure.ends_at - self._offset) / self._rate
            self.held.append(Held(self.name, self._world.now, ends))

    def _resign(self) -> None:
        self._tenure = None
        now = self._world.now
        self.held = [held._replace(end=min(held.end, now)) for held in self.held]
        until = self._clock() + TIMING.lease_duration
        self._me = replace(self._me, rests_until=until)


def run(world: World, processes: list[Process]) -> None:
    """Let all processes live, each step in the order of real time."""
    tickets = itertools.count()
    agenda = [(world.chance.uniform(0, 5), next(tickets), process.live()) for process in processes]
    heapq.heapify(agenda)
    while agenda[0][0] < END:
        world.now, _, life = heapq.heappop(agenda)
        heapq.heappush(agenda, (world.now + next(life), next(tickets), life))
    world.now = END


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    clocks=st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.sampled_from([0.9, 1.0, 1.1])), min_size=2, max_size=4
    ),
    freezing=st.floats(0, 0.3),
    losing=st.floats(0, 0.3),
    resigning=st.floats(0, 0.1),
)
def test_never_two_at_once_and_in_calm_always_one(
    seed: int,
    clocks: list[tuple[float, float]],
    freezing: float,
    losing: float,
    resigning: float,
) -> None:
    world = World(random.Random(seed), freezing, losing, resigning)  # noqa: S311 - not for secrets
    server = Server()
    processes = [Process(world, server, f"p{number}", clock) for number, clock in enumerate(clocks)]

    run(world, processes)

    held = sorted((h for p in processes for h in p.held), key=lambda h: h.begin)
    until: dict[str, float] = {}
    for latest in held:
        others = [end for who, end in until.items() if who != latest.who]
        assert max(others, default=0.0) <= latest.begin, (latest, until)
        until[latest.who] = max(latest.end, until.get(latest.who, 0.0))
    assert max(until.values()) > END
