"""What is remembered of one run between polls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from alerts.model import RunFacts
from exporter.sources.mlflow.cursor import Cursor, Lookback, Mark
from exporter.sources.mlflow.tracking import TrackedRun

FIRST_AUDIT = 60.0
LAST_AUDIT = 1_800.0


@dataclass(slots=True)
class Audit:
    """When to look for points that the store's latest values hide (Unix seconds).

    A run resumed from a checkpoint looks silent until it passes its old end, so a silent run is
    audited: first after twice its usual pause, then with doubling waits. That comes before the run
    counts as stalled, which takes ten usual pauses and ten minutes, or what the user chose; `first`
    is no more than half of that.
    """

    news_at: float
    next_at: float
    pause: float = FIRST_AUDIT
    """The usual time between news: one long pause, as in an outage of the server, is not usual."""
    wait: float = FIRST_AUDIT
    urgent: bool = False
    """Whether to look even if the run shows news of itself."""
    first: float = FIRST_AUDIT

    def news(self, now: float) -> None:
        """Note that the run has logged something."""
        self.pause = min(max(0.0, now - self.news_at), max(self.first, 2 * self.pause))
        self.news_at = now
        self.wait = min(max(self.first, 2 * self.pause), LAST_AUDIT)
        self.next_at = now + self.wait

    def done(self, now: float) -> None:
        """Note that an audit was made."""
        self.next_at = now + self.wait
        self.wait = min(2 * self.wait, LAST_AUDIT)
        self.urgent = False

    def soon(self, now: float) -> None:
        """Ask for an audit in this poll, whatever the run shows."""
        self.next_at = now
        self.urgent = True


@dataclass(slots=True)
class Tracker:
    """One run: how far its rule metrics were read, and what the engine was told of it.

    `unread` are metrics of which points were seen but left for a later poll; `lookbacks` are what
    an engine that was restarted is missing; `newest` (ms) is the time of the newest point ever
    seen.
    """

    audit: Audit
    running: bool
    cursors: dict[str, Cursor] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    lookbacks: dict[str, Lookback] = field(default_factory=dict)
    newest: int = 0
    told: RunFacts | None = None
    fingerprint: int | None = None
    """Of everything logged, as of the last telling."""
    read_at: float = 0.0
    marked: bool = False
    """Whether an earlier process knew the run."""
    _turn: int = 0

    @property
    def hidden(self) -> bool:
        """Whether new points may lie below what the store shows."""
        return any(cursor.hidden for cursor in self.cursors.values())

    def to_read(self, run: TrackedRun, metrics: Iterable[str], *, settled: bool) -> list[str]:
        """Return the metrics that may have news; `settled` leaves out what only might."""
        return [
            key
            for key in metrics
            if key not in self.cursors
            or key in self.unread
            or self.cursors[key].moved(run.latest[key])
            or (self.cursors[key].hidden and not settled)
        ]

    def probes(self, *, every: bool) -> list[str]:
        """Return the metrics in which to look for hidden points.

        The one with the most points shows a resume first. Another may lag alone, as when older
        checkpoints are evaluated afterwards: of the others there is one in turn, or `every`.
        """
        first, *others = sorted(self.cursors, key=lambda key: -self.cursors[key].count)
        self._turn += 1
        start = self._turn % max(1, len(others))
        return [first, *(others if every else others[start : start + 1])]

    def marks(self) -> dict[str, Mark]:
        """Return what it takes to follow the run again."""
        return {
            key: cursor.mark()._replace(lookback=self.lookbacks.get(key))
            for key, cursor in self.cursors.items()
        }

    def seek(self, step: int) -> None:
        """Read all metrics that reach there on from a lower step."""
        for cursor in self.cursors.values():
            if cursor.reach >= step:
                cursor.seek(step)


class Task(NamedTuple):
    """One run that has news, or may have some in the metrics `keys` (of its rule metrics)."""

    run: TrackedRun
    tracker: Tracker
    facts: RunFacts
    metrics: Sequence[str]
    keys: Sequence[str]
    fingerprint: int

    @property
    def moved(self) -> bool:
        """Whether any metric shows something new, be it of interest to rules or not."""
        return self.fingerprint != self.tracker.fingerprint

    @property
    def has_news(self) -> bool:
        """Whether there is anything to tell, or to read first."""
        return bool(self.keys) or self.moved or self.facts != self.tracker.told

    def audit_due(self, now: float) -> bool:
        """Tell whether hidden points must be looked for before anything is told."""
        audit, cursors = self.tracker.audit, self.tracker.cursors
        if not cursors:
            return False
        if not self.run.running:
            # It may have been resumed, have logged below its old end and have ended in between.
            return self.facts != self.tracker.told
        if audit.next_at > now:
            return False
        shows_news = any(
            key not in cursors or cursors[key].moved(self.run.latest[key]) for key in self.keys
        )
        return audit.urgent or not shows_news
