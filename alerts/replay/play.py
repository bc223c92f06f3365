"""Judge a finished run from its recording, as if the daemon had watched it live."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from alerts.history.records import in_order
from alerts.judge import Watch
from alerts.model import RunUpdate, Transition
from alerts.replay.recording import Recording
from alerts.rules.moment import Moment
from alerts.thresholds import LimitBook

CLOCK_STEP = 60.0
"""Seconds between two looks at the clock while a run is silent."""
CLOCK_GOES_ON = 86_400.0
"""Seconds for which the clock goes on after the last point of a run that was left RUNNING."""


def replay(recording: Recording, book: LimitBook) -> Iterator[Transition]:
    """Yield everything that would have fired and resolved, in time order."""
    facts = recording.facts
    alive = replace(facts, status="RUNNING", ended_at=None)
    watch = Watch(alive, book)
    clock = facts.started_at
    yield from watch.update(RunUpdate(alive, (), clock), Moment(clock))
    for time, logged in groupby(in_order(recording.points), key=lambda point: point.time):
        yield from _wait(watch, clock, time)
        clock = max(clock, time)
        yield from watch.update(RunUpdate(alive, tuple(logged), clock), Moment(clock))
    if facts.running:
        yield from _wait(watch, clock, clock + CLOCK_GOES_ON)
        return
    end = clock if facts.ended_at is None else max(clock, facts.ended_at)
    yield from _wait(watch, clock, end)
    yield from watch.update(RunUpdate(facts, (), end, moved=False), Moment(end))


def _wait(watch: Watch, start: float, end: float) -> Iterator[Transition]:
    """Let time pass from `start` to just before `end`.

    The steps grow to 1 % of the silence, so that a clock that is years off costs little.
    """
    now = start + CLOCK_STEP
    while now < end:
        yield from watch.tick(Moment(now, listening_since=start))
        now += max(CLOCK_STEP, (now - start) // 6_000 * CLOCK_STEP)
