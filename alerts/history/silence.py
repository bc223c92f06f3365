"""When a run was last heard of, how often it speaks, and how long it has trained."""

from __future__ import annotations

from statistics import median
from typing import Any

INTERVALS_KEPT = 32


class Silence:
    """Gaps between points by the trainer's clock, and the last news by the daemon's clock.

    All times are Unix seconds.
    """

    def __init__(self) -> None:
        self.heard_at: float | None = None
        """Daemon's clock when anything new of the run was last seen."""
        self.counted_at: float | None = None
        """Daemon's clock when `trained_seconds` last grew."""
        self.longest_gap = 0.0
        self.intervals = 0
        self.trained_seconds = 0.0
        self._recent: list[float] = []
        self._logged_at: float | None = None
        self._trained_at: float | None = None

    def hear(self, at: float) -> None:
        """Note that something new was seen at `at` by the daemon's clock."""
        self.heard_at = at if self.heard_at is None else max(self.heard_at, at)

    def not_after(self, now: float) -> None:
        """Take what was noted under a clock that was set back since as noted `now`."""
        self.heard_at = None if self.heard_at is None else min(self.heard_at, now)
        self.counted_at = None if self.counted_at is None else min(self.counted_at, now)

    def log(self, time: float, started_at: float, cap: float) -> None:
        """Count the time up to a record, logged at `time`, as training; a gap up to `cap` of it."""
        previous = started_at if self._logged_at is None else self._logged_at
        self.trained_seconds += max(0.0, min(time - previous, cap))
        self._logged_at = time if self._logged_at is None else max(previous, time)
        self.counted_at = self.heard_at

    def train(self, time: float, resumed_at: float) -> None:
        """Note one training point at `time`; the pause up to `resumed_at` is no habit."""
        previous = self._trained_at
        self._trained_at = time if previous is None else max(previous, time)
        gap = 0.0 if previous is None or previous < resumed_at else time - previous
        if gap > 0:
            self.intervals += 1
            self.longest_gap = max(self.longest_gap, gap)
            # To the millisecond, as times are logged.
            self._recent = [*self._recent, round(gap, 3)][-INTERVALS_KEPT:]

    @property
    def typical_gap(self) -> float:
        """The median of the recent gaps between training points, in seconds; 0 without any."""
        return median(self._recent) if self._recent else 0.0

    def to_document(self) -> dict[str, Any]:
        """Return plain data for the state document."""
        return {
            "heard_at": self.heard_at,
            "counted_at": self.counted_at,
            "longest_gap": self.longest_gap,
            "intervals": self.intervals,
            "trained_seconds": self.trained_seconds,
            "recent": self._recent,
            "logged_at": self._logged_at,
            "trained_at": self._trained_at,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Silence:
        """Rebuild from `to_document`."""
        found = cls()
        found.heard_at = document["heard_at"]
        found.counted_at = document["counted_at"]
        found.longest_gap = document["longest_gap"]
        found.intervals = document["intervals"]
        found.trained_seconds = document["trained_seconds"]
        found._recent = list(document["recent"])
        found._logged_at = document["logged_at"]
        found._trained_at = document["trained_at"]
        return found
