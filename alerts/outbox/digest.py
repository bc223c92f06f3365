"""Alerts that are so many that one destination is only told how many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from alerts.notify.digest import ENDED
from alerts.outbox.row import Row

Counts = Mapping[tuple[str, str], int]
"""How many, by rule and severity; what is over has no severity but that it is."""


@dataclass(frozen=True, slots=True)
class Digest:
    """Rows of one destination that gave way to their number; times are Unix seconds.

    `since` is when the oldest of them came, `created` when the digest began to be tried.
    """

    counts: Counts
    since: float
    created: float
    next_try: float
    attempts: int = 0
    rejections: int = 0
    revision: int = 0

    @property
    def total(self) -> int:
        """How many rows there were."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one message of a channel tells: rows, or in a digest no more than their number.

    `folded` is what gave way before, and goes along with the rows of a digest.
    """

    channel: str
    rows: tuple[Row, ...]
    is_digest: bool = False
    folded: Digest | None = field(default=None)

    def counts(self) -> Counts:
        """Return what a digest says, those first of which there are most."""
        counted = Counter(_name(row) for row in self.rows)
        counted.update(self.folded.counts if self.folded else {})
        return dict(counted.most_common())

    def since(self) -> float:
        """Return when the oldest news came, in Unix seconds."""
        times = [row.created for row in self.rows]
        return min([*times, self.folded.since] if self.folded else times)

    @property
    def was_tried(self) -> bool:
        """Whether any part of it was tried before."""
        return any(row.attempts for row in self.rows) or bool(self.folded and self.folded.attempts)

    def only(self, rows: Iterable[Row]) -> Bundle:
        """Return the bundle with no other rows."""
        return replace(self, rows=tuple(rows))

    def __str__(self) -> str:
        """Name the bundle for the log."""
        if self.is_digest:
            return f"digest of {sum(self.counts().values())}"
        more = f" and {len(self.rows) - 1} more" if len(self.rows) > 1 else ""
        return f"{self.rows[0]}{more}"


def fold(digest: Digest | None, rows: Iterable[Row], now: float) -> Digest:
    """Return the digest with the (one or more) rows counted in; pure."""
    taken = tuple(rows)
    bundle = Bundle("", taken, folded=digest)
    if digest is None:
        return Digest(bundle.counts(), bundle.since(), created=now, next_try=now)
    return replace(digest, counts=bundle.counts(), since=bundle.since())


def without(digest: Digest, told: Digest) -> Digest | None:
    """Return what came to the digest after it was as `told`; None for nothing."""
    left = Counter(digest.counts)
    left.subtract(told.counts)
    counts = {name: count for name, count in left.items() if count > 0}
    return replace(digest, counts=counts, attempts=0, rejections=0) if counts else None


def to_document(digest: Digest) -> dict[str, Any]:
    """Return the digest as plain JSON data."""
    counts = [[*name, count] for name, count in digest.counts.items()]
    return {"counts": counts, **{name: getattr(digest, name) for name in _PLAIN}}


_PLAIN = ("since", "created", "next_try", "attempts", "rejections", "revision")


def from_document(document: Mapping[str, Any]) -> Digest:
    """Return the digest that `to_document` wrote; raises KeyError, TypeError or ValueError."""
    counts = {(rule, severity): int(count) for rule, severity, count in document["counts"]}
    return Digest(counts, **{name: document[name] for name in _PLAIN})


def _name(row: Row) -> tuple[str, str]:
    return row.key.rule, ENDED if row.kind.resolves else row.severity.value
