"""How a delivery went: what is left of its rows, and who is told instead."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from alerts.notify.channel import Delivery, Result
from alerts.outbox import retry
from alerts.outbox.course import delivered, given_up, overtaken
from alerts.outbox.desk import DEAD_LETTER, Desk, Line
from alerts.outbox.digest import Bundle, Digest, without
from alerts.outbox.row import Row


def mark(desk: Desk, bundle: Bundle, delivery: Delivery, now: float) -> list[Line]:
    """Note how sending `bundle` went; return what to log."""
    channel = bundle.channel
    desk.outcomes[channel, delivery.result.value] += 1
    if delivery.result is Result.DELIVERED or delivery.uncertain:
        # What may have arrived counts: the limit protects people, not servers.
        desk.meter(channel).note(now)
        desk.ledger.changed()
    if delivery.result is Result.DELIVERED:
        desk.routes.broken.discard(channel)
        _mark_delivered(desk, bundle, now)
        return []
    if delivery.result is Result.RATE_LIMITED:
        # It is the channel that is limited, so its other rows wait as well.
        desk.pauses[channel] = now + retry.RATE_LIMIT_PAUSE
    # Hours of the same failure are no news; its begin and its end are.
    level = logging.INFO if bundle.was_tried else logging.WARNING
    failed = Line(level, f"channel {channel}: {bundle}: {delivery.detail}")
    return [failed, *_mark_failed(desk, bundle, delivery, now)]


def _mark_delivered(desk: Desk, bundle: Bundle, now: float) -> None:
    for sent in bundle.rows:
        current = desk.ledger.rows.get(sent.place)
        if current is not None:
            same = current.same_news(sent)
            desk.ledger.put(current, delivered(current, now) if same else overtaken(current))
        desk.apart.discard(sent.place)
    folded = desk.ledger.digests.get(bundle.channel)
    if folded is not None and bundle.folded is not None:
        desk.ledger.put_digest(bundle.channel, without(folded, bundle.folded))


def _mark_failed(desk: Desk, bundle: Bundle, delivery: Delivery, now: float) -> Iterator[Line]:
    drawn = desk.jitter()  # once, so that what goes together is tried again together
    for sent in bundle.rows:
        current = desk.ledger.rows.get(sent.place)
        if current is not None:
            row = retry.after_failure(current, delivery, now, lambda: drawn)
            desk.ledger.put(current, row)
            yield from _lost(desk, row, delivery, now)
    folded = desk.ledger.digests.get(bundle.channel)
    if folded is not None and bundle.folded is not None:
        digest = retry.digest_after_failure(folded, delivery, now, lambda: drawn)
        desk.ledger.put_digest(bundle.channel, digest)
        yield from _lost_digest(desk, bundle.channel, digest, now)


def _lost(desk: Desk, row: Row, delivery: Delivery, now: float) -> Iterator[Line]:
    """Give a row up when its time has come; yield what to log of it."""
    if retry.is_hopeless(row):
        desk.routes.broken.add(row.channel)
        reason = f"given up, it goes to: {_pass_on(desk, row, now) or 'nobody'}"
    elif retry.is_overdue(row, now):
        reason = f"given up after {row.attempts} tries in 24 h"
    else:
        return
    desk.outcomes[row.channel, DEAD_LETTER] += 1
    desk.ledger.put(row, given_up(row, now))
    yield Line(logging.ERROR, f"channel {row.channel}: {row}: {reason}; {delivery.detail}")


def _pass_on(desk: Desk, row: Row, now: float) -> str:
    """See that somebody is told what `row.channel` refuses; return who, in words."""
    wanting, others = desk.routes.stand_ins(row)
    if not wanting:
        desk.hand_over(row, others, now)
    return ", ".join(wanting or others)


def _lost_digest(desk: Desk, channel: str, digest: Digest, now: float) -> Iterator[Line]:
    if retry.is_hopeless(digest) or retry.is_overdue(digest, now):
        desk.outcomes[channel, DEAD_LETTER] += 1
        desk.ledger.put_digest(channel, None)
        text = f"digest of {digest.total}: given up after {digest.attempts} tries"
        yield Line(logging.ERROR, f"channel {channel}: {text}")
