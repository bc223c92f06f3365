"""The run role resigns, and raises nothing, once the state turns out to be another process's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from alerts.notify.redact import Redactor
from alerts.store import Document, MemoryStore, StoreFenced
from exporter.app.role import RunRole
from exporter.app.term import Term
from exporter.board import Board
from exporter.config import DEFAULT_CONFIG
from exporter.options import RunOptions

START = 1_800_000_000.0
TAKEN_OVER = "the state was taken over by node-2"


class Lost(MemoryStore):
    """A store that another process has taken over."""

    def save(self, document: Document) -> None:  # noqa: ARG002 - as every store has it
        raise StoreFenced(TAKEN_OVER)


WRITES: dict[str, Callable[[RunRole], object]] = {
    "judging": lambda role: role._tick(START + 120),
    "a reload": lambda role: role.reconfigure(DEFAULT_CONFIG, START),
    "the end": lambda role: role.store(START),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_who_may_not_store_resigns(write: Callable[[RunRole], object]) -> None:
    reasons: list[str] = []
    term = Term(Lost(), holds=lambda: not reasons, resign=reasons.append)
    role = RunRole(RunOptions(), DEFAULT_CONFIG, {}, Redactor(), Board(), term)
    write(role)
    assert reasons == [TAKEN_OVER]
