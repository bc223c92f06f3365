"""The place of the run role in a process: on the page, on the board and in the crew."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from exporter.board import Board
from exporter.daemon import Crew, Worker
from exporter.metrics.page import Page
from exporter.polling import Poller
from exporter.sources import Source

if TYPE_CHECKING:
    # A process that never has the run role does not import what that needs.
    from exporter.app.role import RunRole
    from exporter.app.term import Term
    from exporter.config import Config

SOURCE_LIVENESS = 1800.0
"""A source may hang in a driver for half an hour before the process counts as unhealthy."""


class Seat:
    """Whoever sits here mirrors and judges runs, tells people, and is shown.

    `own` are the sources of this machine, which are read whoever has the run role.
    """

    def __init__(self, board: Board, page: Page, own: Collection[Source]) -> None:
        self.role: RunRole | None = None
        self._board = board
        self._page = page
        self._own = tuple(own)
        self._crew: Crew | None = None
        self._workers: tuple[Worker, ...] = ()

    @property
    def rules_hash(self) -> str:
        """The fingerprint of the Prometheus rules in force, empty without the run role."""
        role = self.role
        return role.rules_hash if role else ""

    def alerts(self) -> dict[str, Any]:
        """Return what `/api/v1/alerts` answers."""
        role = self.role
        if role is None or not role.term.holds():
            return {"run_role": False, "alerts": []}
        return role.alerts()

    def reconfigure(self, config: Config, now: float) -> None:
        """Judge and tell by other settings from now on; see `RunRole.reconfigure`."""
        role = self.role
        if role is not None:
            role.reconfigure(config, now)

    @property
    def taken(self) -> bool:
        """Whether this process has the run role at this moment."""
        return self.role is not None and self.role.term.holds()

    def take(self, role: RunRole) -> None:
        """Show what the role has to say, for as long as its term lasts."""
        expected = {source.name for source in (*self._own, *role.sources) if source.expected}
        self._board.withdraw(role.sections.keys())
        shown = role.term.holds
        self._page.add({name: replace(s, shown=shown) for name, s in role.sections.items()})
        role.join(self._page, expected)
        self.role = role

    def work(self, crew: Crew) -> None:
        """Have a crew do what the role has to do."""
        role = self.role
        if role is None:
            return
        self._crew = crew
        self._workers = tuple(
            collector(source, self._board, self._page, role.term) for source in role.sources
        )
        role.begin(crew)
        for worker in self._workers:
            crew.add(worker)

    def leave(self) -> None:
        """Show nothing more of the role, then let all go that works for it; waits for nobody."""
        role, self.role = self.role, None
        if role is None:
            return
        self._page.remove(role.sections.keys())
        role.end()
        for worker in self._workers:
            if self._crew is not None:
                self._crew.remove(worker)
        self._workers = ()
        self._board.withdraw(role.sections.keys())
        for source in role.sources:
            source.close()

    def close(self) -> None:
        """Store everything, for the end of the process, then let all go."""
        role = self.role
        if role is not None and role.term.holds():
            role.store(time.time())
        self.leave()


def collector(source: Source, board: Board, page: Page, term: Term | None = None) -> Worker:
    """Return the worker that reads a source, for the length of a term if one is given."""
    wanted = term.holds if term else lambda: True
    poller = Poller(source, board, on_publish=page.warm, wanted=wanted)
    return Worker(source.name, poller.tick, liveness=SOURCE_LIVENESS)
