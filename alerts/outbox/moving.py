"""Rows that cannot stay: their destination is gone, or the state has grown too large."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator

from alerts.outbox.course import reopened
from alerts.outbox.desk import FOLDED, Desk, Line
from alerts.outbox.digest import fold
from alerts.outbox.row import Row, to_document


def rehome(desk: Desk, now: float) -> Iterator[Line]:
    """Give what is pending for destinations that are gone to the others; yield what to log."""
    orphans = [row for row in desk.ledger.rows.values() if row.channel not in desk.routes]
    for row in orphans:
        desk.ledger.put(row, None)
        if row.pending:
            wanting, others = desk.routes.stand_ins(row)
            takers = wanting or others
            desk.hand_over(row, takers, now)
            yield _gone(row.channel, str(row), ", ".join(takers))
    for channel, digest in list(desk.ledger.digests.items()):
        if channel not in desk.routes:
            desk.ledger.put_digest(channel, None)
            yield _gone(channel, f"digest of {digest.total}", "")


def reopen(desk: Desk, channels: Iterable[str], now: float) -> None:
    """Try again what was given up through these channels, which may work now."""
    hopeful = set(channels)
    for row in list(desk.ledger.rows.values()):
        if row.channel in hopeful:
            desk.ledger.put(row, reopened(row, now))


def _gone(channel: str, what: str, takers: str) -> Line:
    text = f"channel {channel} is gone: {what} goes to: {takers or 'nobody'}"
    return Line(logging.WARNING, text)


def fold_oldest(desk: Desk, excess: int, now: float) -> Iterator[Line]:
    """Let the oldest rows that are not urgent become one digest for each destination.

    As many as take `excess` bytes in the state document; yields what to log.
    """
    folded: dict[str, list[Row]] = defaultdict(list)
    candidates = [row for row in desk.ledger.rows.values() if row.sendable and not row.urgent]
    for row in sorted(candidates, key=lambda row: row.created):
        if excess <= 0:
            break
        excess -= len(json.dumps(to_document(row), separators=(",", ":"))) + 1
        folded[row.channel].append(row)
    for channel, rows in folded.items():
        desk.ledger.put_digest(channel, fold(desk.ledger.digests.get(channel), rows, now))
        for row in rows:
            desk.ledger.put(row, None)
        desk.outcomes[channel, FOLDED] += len(rows)
        text = f"{len(rows)} undelivered alerts became a digest, because the state is full"
        yield Line(logging.WARNING, f"channel {channel}: {text}")
