"""The instant at which a run is judged."""

from __future__ import annotations

from dataclasses import dataclass, field

from alerts.history.records import Record


@dataclass(frozen=True, slots=True)
class Moment:
    """A record that just came in, or the mere passing of time, or the end of the run.

    `now` is the daemon's clock and `listening_since` the time since when the tracking server has
    answered without a break, both Unix seconds; None while it does not answer.
    """

    now: float
    record: Record = field(default_factory=lambda: Record(0, 0.0))
    ended: bool = False
    listening_since: float | None = None
