"""One worker per channel: takes what is due, renders it, sends it, marks it."""

from __future__ import annotations

from collections.abc import Callable

from alerts.notify.channel import Channel, Delivery, Result
from alerts.notify.message import compose_digest, compose_group
from alerts.notify.notice import Message, Notice
from alerts.outbox.digest import Bundle
from alerts.outbox.queue import Outbox
from alerts.outbox.row import Row

IDLE = 1.0
"""Seconds after which an idle sender looks again, so that news waits no longer."""


class Sender:
    """Sends what `outbox` has for `channel`; another channel that hangs cannot hold it up.

    `notice_for` tells what a row is about as of now, None when nobody knows any more. `may_send` is
    asked right before each message: in a cluster another process may have taken over, which tells
    what is left. `monotonic` (seconds) tells how long sending took; without it that is no time.
    """

    def __init__(
        self,
        channel: Channel,
        outbox: Outbox,
        notice_for: Callable[[Row], Notice | None],
        monotonic: Callable[[], float] = lambda: 0.0,
        *,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        self._may_send = may_send
        self._monotonic = monotonic
        self._channel = channel
        self._outbox = outbox
        self._notice_for = notice_for

    def tick(self, now: float) -> float:
        """Send at most one message; return the seconds until there may be another.

        One at a time, because sending takes long and `now` would grow stale.
        """
        bundle = self._outbox.bundle(self._channel.name, now)
        if bundle is not None:
            return 0.0 if self._deliver(bundle, now) else IDLE
        next_due = self._outbox.next_due(self._channel.name, now)
        return IDLE if next_due is None else min(IDLE, max(0.0, next_due - now))

    def _deliver(self, bundle: Bundle, now: float) -> bool:
        """Send a bundle and mark it; return False, and change nothing, if it must not be sent."""
        # Marked in any case: a row that breaks its sender must back off, not be first for ever.
        delivery: Delivery | None = Delivery(Result.FAILED, "the sender broke down", uncertain=True)
        broken = True
        begun = self._monotonic()
        try:
            bundle, message = self._written(bundle)
            if message is not None:
                self._channel.prepare()
                delivery = self._channel.send(message) if self._may_send() else None
            broken = False
        finally:
            if broken:
                self._outbox.set_apart(bundle)
            if delivery is not None and (bundle.rows or bundle.is_digest):
                # A channel that took a minute to fail is to rest from then on.
                took = self._monotonic() - begun
                self._outbox.mark(bundle, delivery, now + took)
        return delivery is not None

    def _written(self, bundle: Bundle) -> tuple[Bundle, Message | None]:
        """Return what can be told of the bundle, and its message; drop what nobody knows."""
        if bundle.is_digest:
            return bundle, compose_digest(bundle.channel, bundle.counts(), bundle.since())
        known = [(row, notice) for row in bundle.rows if (notice := self._notice_for(row))]
        told = [row for row, _ in known]
        for row in bundle.rows:
            if row not in told:
                self._outbox.drop(row)
        notices = [notice for _, notice in known]
        return bundle.only(told), compose_group(notices) if notices else None
