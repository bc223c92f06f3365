"""What the holder of the run role has been given, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from alerts.store import Document, StateStore, StoreFenced


class Term(NamedTuple):
    """One stretch of time in which this process has the run role.

    `holds` is asked right before anything that only the holder may do; once it says no, it never
    says yes again. `resign` gives the role up for a reason that is told.
    """

    store: StateStore
    holds: Callable[[], bool] = lambda: True
    resign: Callable[[str], None] = lambda _reason: None


class HeldStore:
    """A store that is written only while the term lasts, which ends before another can begin.

    What was under way for too long, in a process that was frozen, is caught before it is sent, not
    only by the version that guards the write.
    """

    def __init__(self, store: StateStore, holds: Callable[[], bool]) -> None:
        self._store = store
        self._holds = holds

    @property
    def size(self) -> int:
        """Return the bytes of the document where it is stored."""
        return self._store.size

    def load(self) -> Document | None:
        """Return the stored document."""
        return self._store.load()

    def save(self, document: Document) -> None:
        """Replace the document; raises StoreFenced once the term is over."""
        if not self._holds():
            raise StoreFenced("its term is over")
        self._store.save(document)

    def set_aside(self, reason: str) -> None:
        """Keep the document under another name."""
        self._store.set_aside(reason)
