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
"""Seconds for which the clock goes on, by default, after the last point of a RUNNING run."""


def replay(recording: Recording, book: LimitBook) -> Iterator[Transition]:
    """Yield everything that would have fired and resolved, in time order.

    The clock of a run that was left RUNNING goes on for a day.
    """
    yield from relive(recording, watch_of(recording, book), CLOCK_GOES_ON)


def watch_of(recording: Recording, book: LimitBook) -> Watch:
    """Return a watch that has seen nothing yet of the recorded run."""
    return Watch(replace(recording.facts, status="RUNNING", ended_at=None), book)


def relive(recording: Recording, watch: Watch, goes_on: float) -> Iterator[Transition]:
    """Let a watch see a run as it went, yielding as `replay` does.

    The clock of a run that was left RUNNING goes on for `goes_on` seconds after its last point.
    """
    facts, alive = recording.facts, watch.history.facts
    clock = facts.started_at
    yield from watch.update(RunUpdate(alive, (), clock), Moment(clock))
    for time, logged in groupby(in_order(recording.points), key=lambda point: point.time):
        yield from _wait(watch, clock, time)
        clock = max(clock, time)
        yield from watch.update(RunUpdate(alive, tuple(logged), clock), Moment(clock))
    if facts.running:
        yield from _wait(watch, clock, clock + goes_on)
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
