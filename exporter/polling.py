"""One collection of one source after another, with what each says about the source's health."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable
from typing import Any

from exporter.board import Board
from exporter.snapshot import Health, Reading
from exporter.sources import Source, SourceDown, SourceReleased

log = logging.getLogger("tunewatch.source")

NEVER_UP_BACKOFF = 300.0
WAS_UP_BACKOFF = 60.0
_PROBLEMS_REMEMBERED = 32


class Poller:
    """Reads one source at its own pace and publishes a reading of every attempt.

    A source that is down is asked less and less often, down to its own `retry_most`; without one
    every five minutes at last while it never was up, every minute once it was (or at its own
    interval, if that is longer). A failed attempt leaves nothing of data that have a life, and
    keeps facts that stay true. `on_publish` is called with the source's name and the time after
    each reading. `wanted` is asked before a reading is published, since what comes too late may be
    nobody's any more; `monotonic` (seconds) measures durations, `jitter` (0 to 1) spreads beats and
    retries.
    """

    def __init__(
        self,
        source: Source,
        board: Board,
        *,
        on_publish: Callable[[str, float], None] = lambda _name, _now: None,
        wanted: Callable[[], bool] = lambda: True,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._source = source
        self._board = board
        self._on_publish = on_publish
        self._wanted = wanted
        self._monotonic = monotonic
        self._jitter = jitter
        self._data: Any = None
        self._last_success_at: float | None = None
        self._failures = 0
        self._streak = 0
        self._on_beat = False
        self._told: set[str] = set()

    def tick(self, now: float) -> float:
        """Collect once at `now` (Unix seconds) and return the seconds until the next tick.

        Errors other than SourceDown count as a failed attempt and are passed on.
        """
        self._board.begin(self._source.name, now)
        started = self._monotonic()
        problem, released = "unexpected error, see the log", False
        try:
            self._data = self._source.collect(now)
            problem = ""
        except SourceDown as down:
            problem, released = str(down), isinstance(down, SourceReleased)
            self._tell(down)
        finally:
            duration = self._monotonic() - started
            self._note(problem, now, released=released)
            self._publish(problem, now, duration, released=released)
        return self._backoff() if problem else self._until_next(duration)

    def _note(self, problem: str, now: float, *, released: bool) -> None:
        if problem:
            self._failures += not released
            self._streak += 1
            if self._source.lifetime is not None:
                self._data = None
            return
        if self._told or self._last_success_at is None:
            again = "" if self._last_success_at is None else " again"
            log.info("%s is up%s", self._source.name, again)
        self._told.clear()
        self._streak = 0
        self._last_success_at = now

    def _publish(self, problem: str, now: float, duration: float, *, released: bool) -> None:
        if not self._wanted():
            return
        lifetime = self._source.lifetime
        health = Health(
            up=not problem,
            attempted_at=now,
            duration=duration,
            last_success_at=self._last_success_at,
            failures=self._failures,
            problem=problem,
            expected=self._source.expected or self._last_success_at is not None,
            released=released,
        )
        valid_until = None if lifetime is None else now + lifetime
        self._board.publish(self._source.name, Reading(self._data, health, valid_until))
        self._on_publish(self._source.name, now)

    def _tell(self, down: SourceDown) -> None:
        """Log a problem the first time that it shows since the source was last up."""
        problem = str(down)
        if problem in self._told or len(self._told) >= _PROBLEMS_REMEMBERED:
            return
        self._told.add(problem)
        level = logging.INFO if isinstance(down, SourceReleased) else logging.WARNING
        log.log(level, "%s is down: %s", self._source.name, problem)

    def _until_next(self, duration: float) -> float:
        """Stay on the source's beat: a slow collection skips beats instead of queueing them.

        A system is left alone for at least as long as it was busy with us. Where on the clock the
        beat lies is left to chance, so that processes that were started together part.
        """
        interval = self._source.interval
        wait = interval - duration % interval
        if not self._on_beat:
            self._on_beat = True
            wait *= self._jitter()
        return wait + interval * math.ceil(max(0.0, duration - wait) / interval)

    def _backoff(self) -> float:
        interval, own = self._source.interval, self._source.retry_most
        doubled = interval * 2.0 ** min(self._streak - 1, 16)
        if own is not None:
            # The beats of several processes are spread already.
            return min(doubled, max(interval, own))
        bound = NEVER_UP_BACKOFF if self._last_success_at is None else WAS_UP_BACKOFF
        return min(doubled, max(interval, bound)) * (0.5 + 0.5 * self._jitter())
