"""Rows and digests, and which of them are stored: what the outbox remembers, without a lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from alerts.outbox import digest as digests
from alerts.outbox import row as rows
from alerts.outbox.digest import Digest
from alerts.outbox.row import Place, Row


class Ledger:
    """Every change is a revision; what tells something new may be sent once that is stored."""

    def __init__(self) -> None:
        self.rows: dict[Place, Row] = {}
        self.digests: dict[str, Digest] = {}
        self.revision = 0
        self.stored = 0

    def put(self, old: Row | None, new: Row | None) -> None:
        """Let `new` take the place of `old`; None for no row at all."""
        if new is old or new == old:
            return
        self.revision += 1
        if new is None:
            if old is not None:
                self.rows.pop(old.place, None)
            return
        is_news = old is None or not new.same_news(old)
        self.rows[new.place] = replace(new, revision=self.revision) if is_news else new

    def put_digest(self, channel: str, digest: Digest | None) -> None:
        """Let `digest` be the one of a channel; None for none."""
        self.revision += 1
        if digest is None:
            self.digests.pop(channel, None)
            return
        old = self.digests.get(channel)
        is_news = old is None or old.counts != digest.counts
        self.digests[channel] = replace(digest, revision=self.revision) if is_news else digest

    def changed(self) -> None:
        """Note that something else changed that is to be stored."""
        self.revision += 1

    def sendable(self, channel: str) -> list[Row]:
        """Return the rows of a channel that may be sent once they are due."""
        return [
            row
            for row in self.rows.values()
            if row.channel == channel and row.sendable and row.revision <= self.stored
        ]

    def digest(self, channel: str) -> Digest | None:
        """Return the digest of a channel, once it is stored."""
        found = self.digests.get(channel)
        return found if found is not None and found.revision <= self.stored else None

    def to_document(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {
            "revision": self.revision,
            "rows": [rows.to_document(row) for row in self.rows.values()],
            "digests": {name: digests.to_document(d) for name, d in self.digests.items()},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Ledger:
        """Return what `to_document` wrote; raises KeyError, TypeError or ValueError."""
        ledger = cls()
        found: Iterable[Row] = [rows.from_document(entry) for entry in document["rows"]]
        ledger.rows = {row.place: row for row in found}
        stored = document.get("digests", {})
        ledger.digests = {name: digests.from_document(d) for name, d in stored.items()}
        ledger.revision = ledger.stored = int(document["revision"])
        return ledger
