"""How many messages a channel may still send within the hour."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

WINDOW = 3600.0


class Meter:
    """Remembers when the last `limit` messages left; all times are Unix seconds."""

    def __init__(self, limit: int, sent: Iterable[float] = ()) -> None:
        self._limit = limit
        self._sent = deque(sent, maxlen=limit)

    def note(self, now: float) -> None:
        """Count a message that left now."""
        self._sent.append(now)

    def room(self, now: float) -> int:
        """Return how many more may leave now."""
        # Times in the future were noted before the clock was set back.
        return self._limit - sum(1 for at in self._sent if now - WINDOW < at <= now)

    def opens_at(self, now: float) -> float:
        """Return when there is room, which is `now` where there is some."""
        recent = [at for at in self._sent if now - WINDOW < at <= now]
        return now if len(recent) < self._limit else recent[-self._limit] + WINDOW

    def to_document(self) -> list[float]:
        """Return plain JSON data, to be given to a new meter."""
        return list(self._sent)
