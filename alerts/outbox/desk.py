"""What the outbox works on; its owner guards it with a lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from alerts.notify.channel import Result
from alerts.outbox.course import handed_over
from alerts.outbox.ledger import Ledger
from alerts.outbox.meter import Meter
from alerts.outbox.pace import Pace
from alerts.outbox.retry import RATE_LIMIT_PAUSE, Jitter
from alerts.outbox.routes import Routes
from alerts.outbox.row import Place, Row
from alerts.outbox.selection import Waiting

DEAD_LETTER = "dead_letter"
DROPPED = "dropped"
FOLDED = "folded"
OUTCOMES = (*(result.value for result in Result), DEAD_LETTER, DROPPED, FOLDED)


class Line(NamedTuple):
    """A line for the log, to be written when the lock is free."""

    level: int
    text: str


@dataclass
class Desk:
    """Destinations, rows, and what is known of the channels since the start."""

    routes: Routes
    pace: Pace
    jitter: Jitter
    ledger: Ledger = field(default_factory=Ledger)
    meters: dict[str, Meter] = field(default_factory=dict)
    pauses: dict[str, float] = field(default_factory=dict)
    """Until when a channel is sent nothing, because it said that it was sent too much."""
    newcomers: set[str] = field(default_factory=set)
    """The channels that have yet to hear what fires already."""
    apart: set[Place] = field(default_factory=set)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def waiting(self, channel: str) -> Waiting:
        """Return what a channel has to send."""
        return Waiting(
            channel,
            self.ledger.sendable(channel),
            self.ledger.digest(channel),
            self.apart,
            self.meter(channel),
        )

    def paused_until(self, channel: str, now: float) -> float:
        """Return until when a channel is sent nothing, `now` where it may be sent something."""
        until = self.pauses.get(channel, now)
        # No pause is that long: the clock was set back.
        return now if until > now + RATE_LIMIT_PAUSE else max(now, until)

    def meter(self, channel: str) -> Meter:
        """Return the meter of a channel."""
        return self.meters.setdefault(channel, Meter(self.pace.hourly))

    def meter_anew(self, sent: dict[str, list[float]]) -> None:
        """Let the meters know what was sent, by channel in Unix seconds."""
        self.meters = {name: Meter(self.pace.hourly, times) for name, times in sent.items()}

    def sent(self) -> dict[str, list[float]]:
        """Return what the meters know, by channel in Unix seconds."""
        sent = {name: self.meter(name).to_document() for name in self.routes}
        return {name: times for name, times in sent.items() if times}

    def count_from_zero(self) -> None:
        """Have every counter of every destination exist, so that the first event is a rise."""
        self.outcomes.update({(name, outcome): 0 for name in self.routes for outcome in OUTCOMES})

    def hand_over(self, row: Row, takers: Iterable[str], now: float) -> None:
        """Let others tell what `row` was to tell, unless they know of it anyway."""
        for taker in takers:
            handed = handed_over(row, taker, now)
            if handed.place not in self.ledger.rows:
                self.ledger.put(None, handed)
