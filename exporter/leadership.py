"""Who may have the run role: the pure part of holding a Lease.

Ages are counted on the process's own boot clock from the moment at which something was seen or sent
here, never from a time that another machine wrote down: clocks of machines disagree. The boot clock
also runs while the machine sleeps.

Why there is never more than one holder. A holder counts from before it sends a renewal, a candidate
from after it has read that renewal, so the candidate's count always starts later; and the holder
stops after two thirds of what the candidate waits for. The rest is left for clocks that run at
different speeds.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from enum import Enum

LEASE_SECONDS = 15.0


def boot_clock() -> float:
    """Return the seconds since the machine started, those that it slept included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Timing:
    """All periods in seconds, derived from one.

    Raises ValueError for a lease of less than a second.
    """

    lease_duration: float = LEASE_SECONDS
    """After how much silence of the holder another may take over."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not 1 <= self.lease_duration < math.inf:
            raise ValueError("a lease should last at least one second")

    @property
    def promise(self) -> int:
        """What the Lease says: whole seconds, as its field has no others."""
        return math.ceil(self.lease_duration)

    @property
    def renew_deadline(self) -> float:
        """For how long a renewal lets the holder act, from before it was sent."""
        return self.lease_duration * 2 / 3

    @property
    def renew_period(self) -> float:
        """How often the holder renews."""
        return self.lease_duration / 5

    @property
    def retry_period(self) -> float:
        """How soon the holder tries again after a failure."""
        return self.lease_duration / 15

    @property
    def candidate_period(self) -> float:
        """How often at the most a candidate looks: many of them share one API server."""
        return self.lease_duration / 3

    @property
    def request_timeout(self) -> float:
        """How long one request may take, so that a second attempt fits before the deadline."""
        return self.lease_duration / 3


@dataclass(frozen=True, slots=True)
class Record:
    """What a Lease says; `holder` is empty when nobody holds it, `version` changes with each write.

    `duration` is how many seconds after the last change the holder may still believe in it.
    """

    holder: str
    duration: float
    transitions: int
    version: str


@dataclass(frozen=True, slots=True)
class Observed:
    """A Lease as last read, None where there is none, and since when it has been so.

    `changed_at` is a reading of the own boot clock, taken after the answer that first showed it;
    `promised` is for how many seconds from then on somebody may still act as the holder.
    """

    record: Record | None
    changed_at: float
    promised: float

    @property
    def free_at(self) -> float:
        """When nobody can believe any more to be the holder, on the own boot clock."""
        return self.changed_at + self.promised


def observe(before: Observed | None, record: Record | None, now: float) -> Observed:
    """Note what was read; `now` (own boot clock) must be no earlier than the answer.

    A Lease that is deleted under its holder frees nobody at once.
    """
    if before is None:
        return Observed(record, now, _promised(record))
    if before.record == record:
        return before
    if record is None:
        return Observed(None, now, before.promised)
    return Observed(record, now, _promised(record))


def _promised(record: Record | None) -> float:
    return record.duration if record is not None and record.holder else 0.0


@dataclass(frozen=True, slots=True)
class Tenure:
    """The right to act as the holder, from the last renewal that the API server confirmed.

    `sent_at` is the boot clock just before that renewal was sent: the answer may come late.
    """

    sent_at: float
    renew_deadline: float

    @property
    def ends_at(self) -> float:
        """When the right ends unless it is renewed, on the own boot clock."""
        return self.sent_at + self.renew_deadline

    def holds(self, now: float) -> bool:
        """Tell whether the right lasts at `now`; it ends well before another can take over."""
        return now < self.ends_at


class Step(Enum):
    """What to do next about a Lease."""

    CREATE = "create"
    """There is none: write one that names us."""
    ACQUIRE = "acquire"
    """Nobody can be its holder any more: replace the name by ours."""
    RENEW = "renew"
    """It is ours: say so again."""
    WAIT = "wait"
    """Another may be its holder, or we had better not be."""
    RELEASE = "release"
    """It is ours though we hold back: take our name out."""
    LOST = "lost"
    """It was ours, and it is not any more: stop at once."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who decides: its identity, whether its tenure lasts, and until when it holds back."""

    identity: str
    holding: bool = False
    rests_until: float = -math.inf


def decide(me: Candidate, seen: Observed, now: float) -> Step:
    """Choose the next step from what was last read; `now` is a reading of the own boot clock.

    Every write has to be guarded by `seen.record.version`: what was read may have changed since.
    """
    holder = seen.record.holder if seen.record else ""
    if me.holding:
        if seen.record is None:
            return Step.CREATE
        return Step.RENEW if holder == me.identity else Step.LOST
    if now < me.rests_until:
        return Step.RELEASE if holder == me.identity else Step.WAIT
    # Ours without a tenure: a write of ours was applied though we never heard so in time.
    if now < seen.free_at and holder != me.identity:
        return Step.WAIT
    return Step.CREATE if seen.record is None else Step.ACQUIRE
