"""Which rows the next message of a channel tells."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from alerts.outbox.digest import Bundle, Digest
from alerts.outbox.meter import Meter
from alerts.outbox.row import Place, Row


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one channel has to send: rows and a digest that are stored.

    Rows that are `apart` broke the message that they were part of, so each goes alone.
    """

    channel: str
    rows: Sequence[Row]
    digest: Digest | None
    apart: Collection[Place]
    meter: Meter

    def due(self, now: float) -> list[Row]:
        """Return the rows that may be sent now, the most urgent and oldest first."""
        return by_urgency(row for row in self.rows if row.next_try <= now)

    def bundle(self, now: float) -> Bundle | None:
        """Return what to send now; pure.

        One message tells all that waits for its group. The last one that the hour has room for is
        a digest of everything, when one group would not be everything. Critical rows always go.
        """
        due = self.due(now)
        if due and due[0].urgent:
            return self._group(due[0])
        room = self.meter.room(now)
        if room <= 0:
            return None
        digest_due = self.digest is not None and self.digest.next_try <= now
        if digest_due or (room == 1 and len({row.group for row in due}) > 1):
            rows = tuple(row for row in self.rows if not row.urgent)
            return Bundle(self.channel, rows, is_digest=True, folded=self.digest)
        return self._group(due[0]) if due else None

    def next_due(self, now: float) -> float | None:
        """Return when there is something to send, None for nothing; may be in the past."""
        opens_at = self.meter.opens_at(now)
        times = [row.next_try if row.urgent else max(row.next_try, opens_at) for row in self.rows]
        if self.digest is not None:
            times.append(max(self.digest.next_try, opens_at))
        return min(times, default=None)

    def _group(self, first: Row) -> Bundle:
        if first.place in self.apart:
            return Bundle(self.channel, (first,))
        rows = [r for r in self.rows if r.group == first.group and r.place not in self.apart]
        return Bundle(self.channel, tuple(by_urgency(rows)))


def by_urgency(rows: Iterable[Row]) -> list[Row]:
    """Sort rows: the most urgent and oldest first."""
    return sorted(rows, key=lambda row: (-row.severity.rank, row.created, row.key, row.episode))
