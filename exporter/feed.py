"""The hand-over of run news from the source that reads them to the engine that judges them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from alerts.model import RunUpdate

CAPACITY_POINTS = 60_000
"""About what the engine judges in ten seconds, and 10 MiB."""


class Feed:
    """A bounded queue that loses nothing: a full feed makes the source wait, not drop.

    The engine peeks, judges, stores, and only then acknowledges, so a tick that fails midway judges
    the same news again. `on_news` is called after every `put` (it wakes the engine's worker);
    `patience` is for how many seconds a source waits for room before it goes on without.
    """

    def __init__(
        self,
        on_news: Callable[[], None] = lambda: None,
        capacity_points: int = CAPACITY_POINTS,
        patience: float = 0.0,
    ) -> None:
        self._on_news = on_news
        self._capacity = capacity_points
        self._updates: deque[RunUpdate] = deque()
        self._points = 0
        self._patience = patience
        self._lock = threading.Condition()

    def room(self) -> int:
        """Return how many more points the source may read before the engine has caught up.

        Waits a while where there is no room.
        """
        with self._lock:
            self._lock.wait_for(lambda: self._points < self._capacity, self._patience)
            return max(0, self._capacity - self._points)

    def put(self, update: RunUpdate) -> None:
        """Append news of one run and wake the engine."""
        with self._lock:
            self._updates.append(update)
            self._points += len(update.points)
        self._on_news()

    def peek(self) -> tuple[RunUpdate, ...]:
        """Return all news in order of arrival, leaving them in the feed."""
        with self._lock:
            return tuple(self._updates)

    def acknowledge(self, count: int) -> None:
        """Drop the `count` oldest news: they have been judged and stored."""
        with self._lock:
            for _ in range(count):
                self._points -= len(self._updates.popleft().points)
            self._lock.notify_all()
