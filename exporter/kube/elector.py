"""Competes for the Lease, and knows at every moment whether this process may act as its holder."""

from __future__ import annotations

import contextlib
import logging
import math
import random
import threading
import time
from collections.abc import Callable

from exporter.kube.errors import Conflict, KubeError, NotFound, Throttled
from exporter.kube.lease import Lease
from exporter.leadership import (
    Candidate,
    Observed,
    Record,
    Step,
    Tenure,
    Timing,
    boot_clock,
    decide,
    observe,
)

log = logging.getLogger("tunewatch.leader")

Hook = Callable[[], None]

RELEASE_SECONDS = 0.8
"""For all requests of a release: the process is about to end and has other things to do as well."""
MOST_PATIENT = 60.0


class Elector:
    """Holds the Lease or waits for it, one request after the other, for ever.

    `tick` makes the requests and `watch` notices the end of a tenure while a request hangs: each
    needs a worker of its own. `holds` is true for no longer than nobody else can hold the Lease;
    ask it again right before everything that only the holder may do.

    `on_gain` and `on_loss` are called on one of those two workers, in turn and never both at once.
    They must not block, and by the time they run things may have changed again: `holds` decides.
    """

    def __init__(
        self,
        lease: Lease,
        timing: Timing,
        *,
        clock: Callable[[], float] = boot_clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.on_gain: Hook = _nothing
        self.on_loss: Hook = _nothing
        self.wake: Hook = _nothing
        """Runs `tick` soon; called where that should not wait until it is due."""
        self.identity = lease.identity
        self.holder = ""
        """Who holds the Lease, as last seen; empty while nobody does or it was never read."""
        self.problem = ""
        """Why the API server could not be asked the last time, with the remedy; else empty."""
        self.acquisitions = 0
        self.losses = 0
        self._lease = lease
        self._timing = timing
        self._clock = clock
        self._chance = chance
        self._tenure: Tenure | None = None
        self._changing = threading.Lock()
        self._seen: Observed | None = None
        self._rests_until = -math.inf
        self._closed = False
        self._told = False
        self._telling = threading.RLock()

    def holds(self) -> bool:
        """Tell whether this process may act as the holder right now; never waits."""
        tenure = self._tenure
        return tenure is not None and tenure.holds(self._clock())

    def tick(self, now: float) -> float:
        """Look at the Lease or renew it once, and return the seconds until the next time.

        `now` (Unix seconds) is only written into the Lease, for people.
        """
        self._settle()
        if self._closed:
            return math.inf
        started = self._clock()
        try:
            self._attempt(now)
        except KubeError as error:
            self._tell(error)
            delay = self._after(error)
        else:
            self._tell(None)
            delay = self._until_next(started)
        self._settle()
        return delay

    def watch(self, now: float) -> float:
        """Notice a tenure that has ended by itself; returns the seconds until the next time."""
        del now
        self._settle()
        tenure = self._tenure
        left = tenure.ends_at - self._clock() if tenure else 0.0
        return min(left, self._timing.renew_period) if left > 0 else self._timing.renew_period

    def resign(self, reason: str) -> None:
        """Stop being the holder now, and leave the Lease to others for as long as it lasts.

        May be called from any thread, and does not wait for a request.
        """
        log.warning("this process gives up the run role: %s", reason)
        with self._changing:
            self._tenure = None
            self._rests_until = self._clock() + self._timing.lease_duration
        self.wake()

    def release(self, now: float) -> None:
        """Let others have the Lease at once, since this process ends; takes a second at most.

        Nothing is told by `on_loss`, and later ticks do nothing. An API server that does not
        answer is none of our worries any more: the Lease runs out by itself.
        """
        with self._changing:
            held = self.holds()
            self._closed = True
            self._tenure = None
        if not held:
            return
        try:
            self._hand_over(now)
        except KubeError as error:
            log.warning("the %s could not be released and runs out: %s", self._lease, error)
        else:
            log.info("the %s is released", self._lease)

    def _hand_over(self, now: float) -> None:
        """Release the Lease, even if a renewal under way has changed it."""
        ends = time.monotonic() + RELEASE_SECONDS
        try:
            self._lease.release(now, timeout=RELEASE_SECONDS / 2)
        except Conflict:
            left = max(0.1, ends - time.monotonic())
            record = self._lease.read(timeout=left / 2)
            if record is not None and record.holder == self.identity:
                self._lease.release(now, timeout=left / 2)

    def _attempt(self, now: float) -> None:
        """Do what the Lease calls for; where another was first, look and think again, once."""
        try:
            self._act(self._last_seen(), now)
        except (Conflict, NotFound):
            seen = self._look()
            # Who is beaten twice waits for the next tick.
            with contextlib.suppress(Conflict, NotFound):
                self._act(seen, now)

    def _last_seen(self) -> Observed:
        """Return what is known: a holder need not look, its writes tell it what has changed."""
        return self._seen if self._seen and self.holds() else self._look()

    def _look(self) -> Observed:
        return self._note(self._lease.read())

    def _note(self, record: Record | None) -> Observed:
        self._seen = observe(self._seen, record, self._clock())
        holder = record.holder if record else ""
        if holder not in (self.holder, "", self.identity):
            log.info("%s holds the %s", holder, self._lease)
        self.holder = holder
        return self._seen

    def _act(self, seen: Observed, now: float) -> None:
        me = Candidate(self.identity, self.holds(), self._rests_until)
        step = decide(me, seen, self._clock())
        if step is Step.LOST:
            self._end()
        elif step is Step.RELEASE:
            self._note(self._lease.release(now))
        elif step is not Step.WAIT:
            self._write(step, now)

    def _write(self, step: Step, now: float) -> None:
        """Write to the Lease; what is confirmed counts from before it was sent."""
        if step is Step.ACQUIRE or not self.holds():
            # Others may have held it since our own tenure ended: that has to be told first.
            self._end()
        write = {
            Step.CREATE: self._lease.create,
            Step.ACQUIRE: self._lease.acquire,
            Step.RENEW: self._lease.renew,
        }[step]
        sent_at = self._clock()
        record = write(self._timing.promise, now)
        with self._changing:
            # A process that has resigned or ends meanwhile must not hold it by a late answer.
            wanted = not self._closed and sent_at >= self._rests_until
            self._tenure = Tenure(sent_at, self._timing.renew_deadline) if wanted else None
        self._note(record)

    def _end(self) -> None:
        with self._changing:
            self._tenure = None
        self._settle()

    def _settle(self) -> None:
        """Tell of a gain or a loss that has not been told."""
        with self._telling:
            held = self.holds()
            if held == self._told or self._closed:
                return
            self._told = held
            if held:
                self.acquisitions += 1
                log.info("this process holds the %s and has the run role", self._lease)
                self.on_gain()
            else:
                self.losses += 1
                log.warning("this process has lost the %s and the run role", self._lease)
                self.on_loss()

    def _until_next(self, started: float) -> float:
        if self.holds():
            return max(0.0, started + self._timing.renew_period - self._clock())
        return self._patience()

    def _patience(self) -> float:
        """Spread candidates, but let one look as soon as the Lease may be free."""
        period = self._timing.candidate_period * (1 - self._chance() / 3)
        free_at = max(self._seen.free_at if self._seen else 0.0, self._rests_until)
        left = free_at - self._clock()
        return min(period, left) if left > 0 else period

    def _after(self, error: KubeError) -> float:
        told = error.retry_after if isinstance(error, Throttled) else 0.0
        if self.holds():
            # A holder that waits for longer than that loses the Lease over it.
            return min(max(told, self._timing.retry_period), self._timing.renew_period)
        return max(min(told, MOST_PATIENT), self._patience())

    def _tell(self, error: KubeError | None) -> None:
        """Log what is new: an API server that is away for hours is no news."""
        problem = str(error) if error else ""
        if problem and problem != self.problem:
            log.warning("cannot use the %s: %s; trying on", self._lease, problem)
        if self.problem and not problem:
            log.info("the %s can be used again", self._lease)
        self.problem = problem


def _nothing() -> None:
    """Stand for a hook that nobody has set."""
