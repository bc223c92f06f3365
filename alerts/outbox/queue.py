"""The outbox: store, send, mark; at least once, and never lost without a word."""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from alerts.model import AlertKey, Transition
from alerts.notify.channel import Delivery, Destination
from alerts.outbox.course import News, Standing, reviewed, successor
from alerts.outbox.desk import DROPPED, Desk, Line
from alerts.outbox.digest import Bundle
from alerts.outbox.ledger import Ledger
from alerts.outbox.marking import mark
from alerts.outbox.moving import fold_oldest, rehome, reopen
from alerts.outbox.pace import Pace
from alerts.outbox.retry import Jitter, caught_up
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
        """Tell other destinations from now on; what is pending for one that is gone moves on.

        One that is another object than before may work now, whatever it was known for.
        """
        with self._lock:
            desk = self._desk
            before = desk.routes
            desk.routes = before.replaced(destinations)
            desk.newcomers = {n for n in desk.routes if n in desk.newcomers or n not in before}
            desk.pace = pace or Pace()
            desk.meter_anew(desk.sent())
            desk.count_from_zero()
            reopen(desk, (name for name in desk.routes if not desk.routes.same(name, before)), now)
            lines = list(rehome(desk, now))
        _log(lines)

    def newcomers(self) -> frozenset[str]:
        """Return the destinations that have yet to be told what fires already."""
        with self._lock:
            return frozenset(self._desk.newcomers)

    def welcomed(self, names: Collection[str]) -> None:
        """Note that these destinations are to be told what fired before they came."""
        with self._lock:
            self._desk.newcomers.difference_update(names)
            self._desk.ledger.changed()

    def enqueue(
        self,
        transition: Transition,
        now: float,
        *,
        experiment: str = "",
        muted: bool = False,
        only: Collection[str] | None = None,
    ) -> None:
        """Note for each destination, or for `only` these, what it is to be told of `transition`.

        A firing that is muted or inhibited is withheld; an end is told wherever its begin was.
        """
        withheld = transition.state == "firing" and (muted or transition.inhibited_by is not None)
        episode = Episode(transition.key, transition.episode)
        with self._lock:
            desk = self._desk
            for name in desk.routes:
                if only is not None and name not in only:
                    continue
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
            for channel, digest in list(desk.ledger.digests.items()):
                if digest is not (current := caught_up(digest, now)):
                    desk.ledger.put_digest(channel, current)

    def bundle(self, channel: str, now: float) -> Bundle | None:
        """Return what `channel` is to send now as one message, None for nothing."""
        with self._lock:
            if now < self._desk.paused_until(channel, now):
                return None
            return self._desk.waiting(channel).bundle(now)

    def due(self, channel: str, now: float) -> Sequence[Row]:
        """Return the stored rows of `channel` that are due, the most urgent and oldest first."""
        with self._lock:
            if now < self._desk.paused_until(channel, now):
                return []
            return self._desk.waiting(channel).due(now)

    def next_due(self, channel: str, now: float) -> float | None:
        """Return when `channel` has something to send, None for nothing; may be in the past."""
        with self._lock:
            soonest = self._desk.waiting(channel).next_due(now)
            paused_until = self._desk.paused_until(channel, now)
            if soonest is None or paused_until <= now:
                return soonest
            return max(soonest, paused_until)

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
            known = [name for name in self._desk.routes if name not in self._desk.newcomers]
            rows = self._desk.ledger.to_document()
            return {**rows, "sent": self._desk.sent(), "channels": known}

    def restore(self, document: Mapping[str, Any], now: float) -> None:
        """Take over what a former process stored; raises ValueError when it is not that.

        What was pending for a destination that is no longer configured goes to the others.
        """
        try:
            ledger = Ledger.from_document(document)
            sent = {name: [float(t) for t in ts] for name, ts in document.get("sent", {}).items()}
            known = {str(name) for name in document.get("channels", self._desk.routes)}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not an outbox document: {error!r}") from error
        with self._lock:
            self._desk.ledger = ledger
            self._desk.meter_anew(sent)
            self._desk.newcomers = {name for name in self._desk.routes if name not in known}
            reopen(self._desk, self._desk.routes, now)
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
