"""Xid errors: what the driver says went wrong in a GPU, counted by code."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from alerts.xids import ACTION, XIDS

FATAL = (48, 62, 64, 74, 79, 94, 95, 119, 120)
"""Codes that count from zero, so that the first is a rise: after these a GPU is not as it was."""


def meaning(code: int) -> str:
    """Say what an Xid means and what to do, on one line."""
    known = XIDS.get(code)
    return f"{known.meaning}. {known.action}" if known else ACTION


class XidCounts:
    """Counts since the process began, by GPU uuid; threads may count and read at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[int, int]] = {}
        self._at: dict[str, dict[int, float]] = {}

    def begin(self, uuid: str) -> None:
        """Let the fatal codes of a GPU count from zero."""
        with self._lock:
            self._counts.setdefault(uuid, dict.fromkeys(FATAL, 0))

    def add(self, uuid: str, code: int, at: float) -> None:
        """Count an Xid that came at `at` (Unix seconds)."""
        with self._lock:
            counts = self._counts.setdefault(uuid, dict.fromkeys(FATAL, 0))
            counts[code] = counts.get(code, 0) + 1
            self._at.setdefault(uuid, {})[code] = at

    def counts(self, uuid: str) -> Mapping[int, int]:
        """Return the counts of one GPU by code; nothing where no one watches for Xids."""
        with self._lock:
            return dict(self._counts.get(uuid, {}))

    def last(self, uuid: str) -> Mapping[int, float]:
        """Return when each code came last (Unix seconds)."""
        with self._lock:
            return dict(self._at.get(uuid, {}))
