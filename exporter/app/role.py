"""The run role: mirror runs, judge them, keep alert state, tell people."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from alerts.engine import Engine
from alerts.model import Transition
from alerts.notify.redact import Redactor
from alerts.promrules.groups import fingerprint
from alerts.store import StoreFenced
from alerts.view import AlertsView
from exporter.app.api import alerts_document
from exporter.app.runs import mlflow_source
from exporter.app.tellers import Tellers
from exporter.app.term import Term
from exporter.board import Board
from exporter.bridge import observations
from exporter.config import Config
from exporter.daemon import Crew, Worker
from exporter.feed import Feed
from exporter.metrics import alerting, nodes, runs
from exporter.metrics.health import SourceState
from exporter.metrics.page import Page, Section
from exporter.options import RunOptions
from exporter.snapshot import Health, Reading
from exporter.sources import Source
from exporter.sources.nodes import Addresses, NodesSource

NAME = "alerts"
TICK_SECONDS = 2.0
FEED_PATIENCE = 5.0
"""How long a poll waits for the engine to catch up before it leaves the rest to the next one."""
SHOW_SECONDS = 10.0
"""How often numbers that grow with the clock are shown anew while nothing happens."""
LIVENESS = 300.0


class RunRole:
    """Judges on one thread what the sources bring, and shows the outcome on the board.

    Raises alerts.notify.settings.ChannelError when people cannot be told as `config` has it, and
    alerts.store.StoreError when it cannot be told what was stored.
    """

    def __init__(
        self,
        options: RunOptions,
        config: Config,
        environ: Mapping[str, str],
        redactor: Redactor,
        board: Board,
        term: Term,
    ) -> None:
        self.term = term
        self._board = board
        self._node = options.node
        self._shown_at = 0.0
        self._has_news = False
        self._judging = Worker(NAME, self._tick, liveness=LIVENESS)
        self._feed = Feed(self._judging.wake, patience=FEED_PATIENCE)
        self._tellers = Tellers(config.notify, environ, redactor)
        self.engine = Engine(config, term.store, self._tellers.outbox)
        self.engine.restore(time.time())
        mirror = mlflow_source(config, environ, self._feed, self.engine.cursors())
        self.sources: list[Source] = [mirror]
        self.sections = {mirror.name: Section(runs.families, mirror.interval)}
        if options.nodes:
            # Nodes read their GPUs at this pace: asking more often would bring nothing new.
            pace = config.nvml.interval
            # This process speaks for its own node only where it reads the GPUs of it.
            own = options.node if options.collect_nvml else ""
            others = NodesSource(Addresses(options.nodes), own, interval=pace)
            self.sources.append(others)
            self.sections[others.name] = Section(nodes.families, others.interval)
        self.sections[NAME] = Section(alerting.families)
        self._crew: Crew | None = None
        self._states: Callable[[float], tuple[SourceState, ...]] = lambda _: ()
        self._warm: Callable[[str, float], None] = lambda _name, _now: None
        self._expected: Collection[str] = ()
        self.rules_hash = fingerprint(config, config.prometheus)

    def join(self, page: Page, expected: Collection[str]) -> None:
        """Learn the page, which tells how sources fare, and which sources the user configured."""
        self._states, self._warm, self._expected = page.sources, page.warm, expected

    def begin(self, crew: Crew) -> None:
        """Have a crew run the judge, a sender for each channel, and the heartbeat.

        What was stored is shown at once: alerts that fire must not seem gone after a restart.
        """
        self._show(time.time())
        self._crew = crew
        crew.add(self._judging)
        self._tellers.begin(
            self.engine.notice_for, crew, self.term.holds, on_told=self._judging.wake
        )

    def end(self) -> None:
        """Judge and tell nothing more; what is under way is not waited for."""
        self._tellers.end()
        if self._crew is not None:
            self._crew.remove(self._judging)

    def alerts(self) -> dict[str, Any]:
        """Return the alerts as last shown; no request ever waits for the engine or its disk."""
        shown = self._board.read().get(NAME)
        view = shown.data if shown else None
        return alerts_document(view or AlertsView())

    def reconfigure(self, config: Config, now: float) -> None:
        """Judge by other limits and tell others from now on, and show soon what that changes.

        Raises alerts.notify.settings.ChannelError, and changes nothing, when people cannot be told
        as `config` has it.
        """
        prepared = self._tellers.prepare(config.notify)
        self._tellers.adopt(prepared, now)
        with self._giving_way():
            self.engine.reconfigure(config, now)
        self.rules_hash = fingerprint(config, config.prometheus)
        self._shown_at = 0.0
        self._judging.wake()

    def store(self, now: float) -> None:
        """Store everything, for the end of the process."""
        with self._giving_way():
            self.engine.flush(now)

    @contextmanager
    def _giving_way(self) -> Iterator[None]:
        """Resign where the state turns out to be another process's by now."""
        try:
            yield
        except StoreFenced as fenced:
            self.term.resign(str(fenced))

    def _tick(self, now: float) -> float:
        """Judge the news; the feed wakes this worker, so bad news does not wait."""
        if not self.term.holds():
            return TICK_SECONDS
        updates = self._feed.peek()
        states = self._states(now)
        seen = observations(self._board.read(), states, updates, self._node, self._expected)
        told: Sequence[Transition] = ()
        with self._giving_way():
            told = self.engine.tick(seen, now)
        if not self.term.holds():
            return TICK_SECONDS
        self._feed.acknowledge(len(updates))
        self._has_news = self._has_news or bool(updates)
        # A poll of many runs wakes this worker for each: showing all of them each time costs more
        # than judging.
        due = TICK_SECONDS if self._has_news else SHOW_SECONDS
        if told or now - self._shown_at >= due:
            self._show(now)
        if told:
            self._tellers.wake()
        return TICK_SECONDS

    def _show(self, now: float) -> None:
        if not self.term.holds():
            return
        self._shown_at, self._has_news = now, False
        health = Health(up=True, attempted_at=now, duration=0.0, last_success_at=now)
        view = replace(self.engine.view(now), heartbeats=self._tellers.heartbeats())
        self._board.publish(NAME, Reading(view, health))
        self._warm(NAME, now)
