"""The outbox: store, send, mark; at least once, and never lost without a word."""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from alerts.model import AlertKey, Transition
from alerts.notify.channel import Delivery, Destination
from alerts.outbox.course import News, Standing, reviewed, successor
from alerts.outbox.desk import DROPPED, Desk, Line
from alerts.outbox.digest import Bundle
from alerts.outbox.ledger import Ledger
from alerts.outbox.marking import mark
from alerts.outbox.moving import fold_oldest, rehome
from alerts.outbox.pace import Pace
from alerts.outbox.retry import Jitter
from alerts.outbox.routes import Routes
from alerts.outbox.row import Episode, Row

log = logging.getLogger("tunewatch.outbox")


class Outbox:
    """Rows by destination and episode; safe to use from the engine and from senders.

    The engine enqueues, reviews, saves `to_document()` and calls `mark_stored`; only then are rows
    due. A sender takes a `bundle`, sends it, and marks how that went. After a crash, what was sent
    since the last save is sent again, with what was under way in each channel at that save: nothing
    else is repeated, and nothing is lost. `jitter` returns numbers in [0, 1); all times are Unix
    seconds.
    """

    def __init__(
        self,
        destinations: Iterable[Destination],
        jitter: Jitter = random.random,
        pace: Pace | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._desk = Desk(Routes(destinations), pace or Pace(), jitter)
        self._desk.count_from_zero()

    def configure(self, destinations: Iterable[Destination], pace: Pace | None, now: float) -> None:
        """Tell other destinations from now on; what is pending for one that is gone moves on."""
        with self._lock:
            desk = self._desk
            desk.routes = Routes(destinations, desk.routes.broken)
            desk.pace = pace or Pace()
            desk.meter_anew(desk.sent())
            desk.count_from_zero()
            lines = list(rehome(desk, now))
        _log(lines)

    def enqueue(
        self, transition: Transition, now: float, *, experiment: str = "", muted: bool = False
    ) -> None:
        """Note for each destination what it is to be told of `transition`.

        A firing that is muted or inhibited is withheld; an end is told wherever its begin was.
        """
        withheld = transition.state == "firing" and (muted or transition.inhibited_by is not None)
        episode = Episode(transition.key, transition.episode)
        with self._lock:
            desk = self._desk
            for name in desk.routes:
                row = desk.ledger.rows.get((name, episode))
                if row is None and not desk.routes.wants(name, transition, experiment):
                    continue
                news = News(transition, name, now, experiment, withheld)
                desk.ledger.put(row, successor(row, news, desk.pace))

    def review(self, standing_of: Callable[[AlertKey], Standing], now: float) -> None:
        """Withhold, release and repeat what is told of alerts, as each of them stands now."""
        with self._lock:
            desk = self._desk
            keys = {row.key for row in desk.ledger.rows.values()}
            standings = {key: standing_of(key) for key in keys}
            for row in list(desk.ledger.rows.values()):
                desk.ledger.put(row, reviewed(row, standings[row.key], desk.pace, now))

    def bundle(self, channel: str, now: float) -> Bundle | None:
        """Return what `channel` is to send now as one message, None for nothing."""
        with self._lock:
            if now < self._desk.paused_until.get(channel, now):
                return None
            return self._desk.waiting(channel).bundle(now)

    def due(self, channel: str, now: float) -> Sequence[Row]:
        """Return the stored rows of `channel` that are due, the most urgent and oldest first."""
        with self._lock:
            if now < self._desk.paused_until.get(channel, now):
                return []
            return self._desk.waiting(channel).due(now)

    def next_due(self, channel: str, now: float) -> float | None:
        """Return when `channel` has something to send, None for nothing; may be in the past."""
        with self._lock:
            soonest = self._desk.waiting(channel).next_due(now)
            paused_until = self._desk.paused_until.get(channel, 0.0)
            return None if soonest is None else max(soonest, paused_until)

    def mark(self, bundle: Bundle, delivery: Delivery, now: float) -> None:
        """Note how sending `bundle`, as it was due, went."""
        with self._lock:
            lines = mark(self._desk, bundle, delivery, now)
        _log(lines)

    def set_apart(self, bundle: Bundle) -> None:
        """Send the rows one by one from now on: together they make no message."""
        with self._lock:
            self._desk.apart |= {row.place for row in bundle.rows}

    def drop(self, row: Row) -> None:
        """Forget a row whose alert nobody knows any more."""
        with self._lock:
            self._desk.outcomes[row.channel, DROPPED] += 1
            self._desk.ledger.put(self._desk.ledger.rows.get(row.place), None)
        log.warning("channel %s: %s was dropped: its alert is gone", row.channel, row)

    def fold(self, excess: int, now: float) -> None:
        """Save `excess` bytes of state: the oldest rows become a number, critical ones never."""
        with self._lock:
            lines = list(fold_oldest(self._desk, excess, now))
        _log(lines)

    @property
    def changed(self) -> bool:
        """Whether there is something that `mark_stored` has not been told of."""
        with self._lock:
            return self._desk.ledger.revision > self._desk.ledger.stored

    def mark_stored(self, document: Mapping[str, Any]) -> None:
        """Note that `document`, as returned by `to_document`, is safe on the disk."""
        with self._lock:
            ledger = self._desk.ledger
            ledger.stored = max(ledger.stored, int(document["revision"]))

    def to_document(self) -> dict[str, Any]:
        """Return everything that has to survive a restart as plain JSON data."""
        with self._lock:
            return {**self._desk.ledger.to_document(), "sent": self._desk.sent()}

    def restore(self, document: Mapping[str, Any], now: float) -> None:
        """Take over what a former process stored; raises ValueError when it is not that.

        What was pending for a destination that is no longer configured goes to the others.
        """
        try:
            ledger = Ledger.from_document(document)
            sent = {name: [float(t) for t in ts] for name, ts in document.get("sent", {}).items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not an outbox document: {error!r}") from error
        with self._lock:
            self._desk.ledger = ledger
            self._desk.meter_anew(sent)
            lines = list(rehome(self._desk, now))
        _log(lines)

    def pending(self) -> Mapping[str, int]:
        """Return the number of unsent rows of each destination; a digest counts as one."""
        with self._lock:
            ledger = self._desk.ledger
            counts = Counter(row.channel for row in ledger.rows.values() if row.sendable)
            counts.update(ledger.digests.keys())
            return {name: counts[name] for name in self._desk.routes}

    def outcomes(self) -> Mapping[tuple[str, str], int]:
        """Return how often attempts ended how, by destination and outcome, since the start."""
        with self._lock:
            return dict(self._desk.outcomes)

    def episodes(self) -> frozenset[Episode]:
        """Return the episodes that rows still tell of, whose alerts must not be forgotten."""
        with self._lock:
            return frozenset(episode for _, episode in self._desk.ledger.rows)


def _log(lines: Iterable[Line]) -> None:
    for line in lines:
        log.log(line.level, "%s", line.text)
