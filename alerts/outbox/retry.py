"""When to try again, and when to give up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from alerts.notify.channel import Delivery, Result
from alerts.outbox.digest import Digest
from alerts.outbox.row import Row

FIRST_DELAY = 5.0
LONGEST_DELAY = 300.0
LONGEST_TRYING = 24 * 3600.0
RATE_LIMIT_PAUSE = 60.0
"""Seconds; how long a server asks to wait (Retry-After) is dropped by Apprise, and rarely more."""
LONGEST_WAIT = RATE_LIMIT_PAUSE + LONGEST_DELAY
MOST_REJECTIONS = 3

Jitter = Callable[[], float]
Item = TypeVar("Item", Row, Digest)


def backoff(attempts: int, jitter: Jitter) -> float:
    """Return seconds to wait after that many attempts (1 or more).

    Exponential with full jitter: anywhere in [1, 5 s * 2^(attempts - 1)], at most five minutes.
    """
    ceiling = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(attempts - 1, 16))
    return max(1.0, jitter() * ceiling)


def after_failure(row: Row, delivery: Delivery, now: float, jitter: Jitter) -> Row:
    """Return the row after an attempt that did not deliver; pure but for `jitter` in [0, 1)."""
    told = row.told or delivery.uncertain
    return replace(row, told=told, **_tried(row, delivery, now, jitter))


def digest_after_failure(digest: Digest, delivery: Delivery, now: float, jitter: Jitter) -> Digest:
    """Return the digest after an attempt that did not deliver."""
    return replace(digest, **_tried(digest, delivery, now, jitter))


def _tried(item: Row | Digest, delivery: Delivery, now: float, jitter: Jitter) -> dict[str, Any]:
    attempts = item.attempts + 1
    pause = RATE_LIMIT_PAUSE if delivery.result is Result.RATE_LIMITED else 0.0
    return {
        "attempts": attempts,
        "rejections": item.rejections + (delivery.result is Result.REJECTED),
        "next_try": now + pause + backoff(attempts, jitter),
    }


def caught_up(item: Item, now: float) -> Item:
    """Return the item as of `now`, should it have been made under a clock that was set back."""
    is_ahead = item.next_try > now + LONGEST_WAIT
    if not is_ahead and item.created <= now:
        return item
    next_try = now if is_ahead else item.next_try
    return replace(item, created=min(item.created, now), next_try=next_try)


def is_hopeless(item: Row | Digest) -> bool:
    """Whether the destination refused for good, as after a revoked webhook."""
    return item.rejections >= MOST_REJECTIONS


def is_overdue(item: Row | Digest, now: float) -> bool:
    """Whether it was tried for so long that its news is history."""
    return now - item.created >= LONGEST_TRYING
