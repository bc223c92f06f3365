"""Stores the state when that is due, and says so, once, when it cannot be stored."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from alerts.outbox import Outbox
from alerts.store import Document, StateStore, StoreError, StoreFenced

log = logging.getLogger("tunewatch.engine")

CURSORS_EVERY = 60.0
"""Seconds after which progress alone is worth a write."""
STATE_LIMIT = 700 * 1024
"""Bytes of state, as they are stored, above which undelivered rows may give way to their number.

A ConfigMap holds a mebibyte, gzipped.
"""
ROWS_LIMIT = STATE_LIMIT // 2
"""Bytes that rows may be then, plain: what histories take, no row can give back."""


class Keeper:
    """Writes one document at a time; `judged` is what the engine adds to the outbox's part."""

    def __init__(self, store: StateStore, outbox: Outbox, judged: Callable[[], Document]) -> None:
        self.store = store
        self.stored_at = 0.0
        self._outbox = outbox
        self._judged = judged
        self._problem = ""

    def save(self, now: float, *, urgent: bool) -> None:
        """Store everything if that is urgent, or has not been done for a while.

        Raises StoreFenced when another process has taken over: nothing of this one's may be told.
        """
        # A clock that was set back must not put it off for hours.
        if not urgent and 0 <= now - self.stored_at < CURSORS_EVERY:
            return
        outbox = self._outbox.to_document()
        try:
            self.store.save({**self._judged(), "outbox": outbox})
        except StoreFenced:
            raise
        except StoreError as error:
            self._tell(str(error))
        else:
            self._tell("")
            self._shrink(outbox, now)
        self.stored_at = now
        # Stored or not: people are told all the same, if need be again after a restart.
        self._outbox.mark_stored(outbox)

    def _tell(self, problem: str) -> None:
        """Log what is new: hours of the same failure are no news."""
        if problem and problem != self._problem:
            log.error("%s; alerts go on, a restart may repeat them", problem)
        if self._problem and not problem:
            log.info("the state is stored again")
        self._problem = problem

    def _shrink(self, outbox: dict[str, Any], now: float) -> None:
        """Let rows give way to their number where it is they that make the state too large."""
        if self.store.size <= STATE_LIMIT:
            return
        size = len(json.dumps(outbox["rows"], separators=(",", ":")))
        if size > ROWS_LIMIT:
            self._outbox.fold(size - ROWS_LIMIT * 9 // 10, now)
