"""One running process: its parts, put together, and run until the end."""

from __future__ import annotations

import logging
import platform
import signal
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING

from alerts.notify.redact import Redactor
from exporter.app.driver import companions, driver_signals
from exporter.app.errors import StartError
from exporter.app.machine import machine_sources
from exporter.app.memory import give_back_what_is_freed
from exporter.app.reload import Configuration
from exporter.app.seat import Seat, collector
from exporter.board import Board
from exporter.bridge import node_report
from exporter.daemon import Daemon, Worker
from exporter.metrics.own import ProcessState
from exporter.metrics.page import Page, Section
from exporter.options import OptionError, RunOptions
from exporter.report import report_document
from exporter.server import Address, Application, ListenError, Routes, Server
from exporter.server.landing import Landing

if TYPE_CHECKING:
    from exporter.app.election import Candidate
    from exporter.app.term import Term

log = logging.getLogger("tunewatch")


class Process:
    """Everything that one process consists of.

    Raises alerts.documents.DocumentError, exporter.options.OptionError or
    alerts.notify.settings.ChannelError for bad settings, StartError for anything else that keeps
    the process from starting.
    """

    def __init__(self, options: RunOptions, environ: Mapping[str, str], redactor: Redactor) -> None:
        now = time.time()
        self._options = options
        self._configuration = Configuration(options.config_file, now)
        config = self._configuration.config
        self._version = version("tunewatch")
        self._address = _address(options)
        self._board = Board()
        own = tuple(machine_sources(options, config, self._board))
        self._sources = [source for source, _ in own]
        sections = {source.name: Section(families, source.interval) for source, families in own}
        self._page = Page(self._board, sections, self._state)
        self._seat = Seat(self._board, self._page, self._sources)
        self._candidate = self._run_role(options, environ, redactor)
        self._daemon = self._assemble()

    def _run_role(
        self, options: RunOptions, environ: Mapping[str, str], redactor: Redactor
    ) -> Candidate | None:
        """Take the run role, or return who stands for it; None where nobody need be elected."""
        config = self._configuration.config
        if not options.collect_mlflow:
            _refuse_run_flags(options)
            return None
        from exporter.app.makers import alone, role_maker  # noqa: PLC0415 - a node process is light

        make = role_maker(options, environ, redactor, self._board)
        self._configuration.apply = self._seat.reconfigure
        if not options.leader_election:
            self._seat.take(alone(make, config, options.state_file))
            return None
        # Only who stands for election needs what speaks with a cluster.
        from exporter.app.election import NAME, lease_section, stand  # noqa: PLC0415 - as said
        from exporter.app.tellers import Tellers  # noqa: PLC0415 - as said

        # Whoever is elected later must be able to tell people then.
        Tellers(config.notify, environ, redactor)
        self._page.add({NAME: lease_section(options)})

        def enter(term: Term) -> None:
            with self._configuration.unchanged() as current:
                self._seat.take(make(current, term))

        return stand(options, environ, self._seat, self._board, enter)

    def run(self) -> int:
        """Listen, work until a signal ends it, and return the exit code."""
        give_back_what_is_freed()
        self._server = Server(self._address, Application(self._routes()), self._daemon.fail)
        return self._daemon.run(self._listen)

    def _listen(self) -> None:
        try:
            bound = self._server.start()
        except ListenError as error:
            raise StartError(str(error)) from error
        log.info("tunewatch %s serves http://%s/metrics", self._version, bound)
        if self._options.simulate and self._options.collect_nvml:
            log.warning("GPUs are simulated (--nvml.simulate): those of this machine are not read")

    def _assemble(self) -> Daemon:
        """Give every source a worker, and the configuration one that watches its file."""
        watcher = Worker("config", self._configuration.watch)
        collecting = {s: collector(s, self._board, self._page) for s in self._sources}
        beside = (worker for source in self._sources for worker in companions(source))

        def reload_soon() -> None:
            self._configuration.ask()
            watcher.wake()

        daemon = Daemon(
            [watcher, *collecting.values(), *beside],
            on_stop=[self._close],
            on_signal={signal.SIGHUP: reload_soon, **driver_signals(collecting)},
        )
        self._seat.work(daemon)
        if self._candidate:
            self._candidate.begin(daemon)
        return daemon

    def _close(self) -> None:
        """Store everything first: closing what may hang comes last."""
        self._seat.close()
        if self._candidate:
            self._candidate.close()
        self._server.stop()
        for source in self._sources:
            source.close()

    def _state(self) -> ProcessState:
        configuration = self._configuration
        return ProcessState(
            version=self._version,
            python=platform.python_version(),
            leader=self._seat.taken if self._options.collect_mlflow else None,
            config_hash=configuration.hash,
            rules_hash=self._seat.rules_hash,
            reload_successful=not configuration.problem,
            reloaded_at=configuration.reloaded_at,
            failures=self._daemon.failures(),
        )

    def _routes(self) -> Routes:
        return Routes(
            metrics=lambda accept, gzip: self._page.render(time.time(), accept, gzip=gzip),
            problems=lambda: self._daemon.problems(time.monotonic()),
            not_ready=self._not_ready,
            landing=self._landing,
            alerts=self._seat.alerts,
            node=self._node_report,
            reload=lambda: self._configuration.reload(time.time()),
        )

    def _not_ready(self) -> list[str]:
        """Ready is who has tried every source once, or hangs trying."""
        states = self._page.sources(time.time())
        return [f"{s.name}: {s.problem}" for s in states if s.health is None and not s.stuck]

    def _node_report(self) -> dict[str, object]:
        states = self._page.sources(time.time())
        return report_document(node_report(self._board.read(), states, self._options.node))

    def _landing(self) -> Landing:
        now = time.time()
        return Landing(self._version, self._page.sources(now), now)


def _refuse_run_flags(options: RunOptions) -> None:
    """Raise OptionError for a flag that does nothing without the run role."""
    for given, problem in (
        (options.nodes, "--nodes.address: only the run role asks other nodes"),
        (options.leader_election, "--leader-election: this process wants no run role"),
    ):
        if given:
            raise OptionError(f"{problem}; leave it out together with --no-collector.mlflow")


def _address(options: RunOptions) -> Address:
    try:
        return Address.parse(options.listen_address)
    except ValueError as error:
        raise OptionError(f"--web.listen-address: {error}") from error
