"""Standing for the run role in a cluster: taking it when elected, leaving it when that is over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from alerts.notify.settings import ChannelError
from alerts.store import StateStore, StoreError
from exporter.app.errors import StartError
from exporter.app.seat import Seat
from exporter.app.term import HeldStore, Term
from exporter.board import Board
from exporter.daemon import Crew, Worker
from exporter.kube import Elector, KubeError, Settings, connect
from exporter.metrics.page import Section
from exporter.options import RunOptions
from exporter.snapshot import Health, Reading

log = logging.getLogger("tunewatch.leader")

NAME = "lease"
LOOK_SECONDS = 1.0
"""How often a holder looks whether it still is one, should nobody wake it."""
RETRY_SECONDS = 2.0


def stand(
    options: RunOptions,
    environ: Mapping[str, str],
    seat: Seat,
    board: Board,
    enter: Callable[[Term], None],
) -> Candidate:
    """Return who stands for the run role in the cluster that the options and $KUBECONFIG name.

    Raises StartError where what speaks with clusters is not installed.
    """
    settings = Settings(options.lease, options.state_map, lease_duration=options.lease_duration)
    try:
        kube = connect(settings, environ)
    except KubeError as error:
        raise StartError(str(error)) from error
    return Candidate(kube.elector(), kube.store, seat, board, enter)


def lease_section(options: RunOptions) -> Section:
    """Return what the Lease adds to the page: how it fares, as of any other source."""
    return Section(lambda _nothing: (), options.lease_duration)


class Candidate:
    """Lets a seat be taken while an elector holds the Lease.

    The elector renews on a thread of its own, so that making a run role, which takes seconds, never
    costs the Lease. `enter` lets a run role take the seat for a term; `store` makes what keeps
    its state: each term has its own, so that what comes late from the one before is shut out.
    """

    def __init__(
        self,
        elector: Elector,
        store: Callable[[], StateStore],
        seat: Seat,
        board: Board,
        enter: Callable[[Term], None],
    ) -> None:
        self._board = board
        self._elector = elector
        self._store = store
        self._seat = seat
        self._enter_seat = enter
        self._crew: Crew | None = None
        self._problem = ""
        self._failures = 0
        self._answered_at: float | None = None
        self._taking = Worker("run-role", self.tick)
        self._renewing = Worker(NAME, self._compete)
        elector.wake = self._renewing.wake
        elector.on_gain = elector.on_loss = self._taking.wake

    def begin(self, crew: Crew) -> None:
        """Stand for election, and have a crew do the work whenever that is won."""
        self._crew = crew
        for worker in (self._renewing, Worker("lease-watch", self._elector.watch), self._taking):
            crew.add(worker)

    def close(self) -> None:
        """Give the Lease back, for the end of the process."""
        self._elector.release(time.time())

    def _compete(self, now: float) -> float:
        """Compete for the Lease, and show whether the API server answers, like any other source."""
        elector, begun = self._elector, time.monotonic()
        delay = elector.tick(now)
        if elector.problem:
            self._failures += 1
        else:
            self._answered_at = now
        health = Health(
            up=not elector.problem,
            attempted_at=now,
            duration=time.monotonic() - begun,
            last_success_at=self._answered_at,
            failures=self._failures,
            problem=elector.problem,
            expected=True,
        )
        self._board.publish(NAME, Reading((), health))
        return delay

    def tick(self, now: float) -> float:
        """Take the seat or leave it, as the Lease has it; returns the seconds until the next look.

        Losing the Lease and winning it again are two terms: another may have had it in between.
        """
        del now
        role = self._seat.role
        if role is not None and not role.term.holds():
            self._seat.leave()
            log.warning("the run role has ended here: runs are shown and people told elsewhere")
            role = None
        if role is None and self._elector.holds():
            return self._enter()
        return LOOK_SECONDS

    def _enter(self) -> float:
        try:
            self._enter_seat(self._term())
        except (StoreError, ChannelError) as error:
            self._tell(str(error))
            if isinstance(error, ChannelError):
                # What this pod lacks another may have.
                self._elector.resign(str(error))
            return RETRY_SECONDS
        self._problem = ""
        log.info("this process has the run role: it mirrors and judges runs, and tells people")
        if self._crew is not None:
            self._seat.work(self._crew)
        return LOOK_SECONDS

    def _term(self) -> Term:
        elector, number = self._elector, self._elector.acquisitions

        def holds() -> bool:
            return elector.holds() and elector.acquisitions == number

        return Term(HeldStore(self._store(), holds), holds, elector.resign)

    def _tell(self, problem: str) -> None:
        if problem != self._problem:
            log.error("elected, but the run role cannot begin: %s", problem)
        self._problem = problem
