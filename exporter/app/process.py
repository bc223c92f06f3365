"""One running process: its parts, put together, and run until the end."""

from __future__ import annotations

import logging
import platform
import signal
import time
from collections.abc import Mapping
from importlib.metadata import version

from alerts.notify.redact import Redactor
from exporter.app.driver import companions, driver_signals
from exporter.app.errors import StartError
from exporter.app.machine import machine_sources
from exporter.app.memory import give_back_what_is_freed
from exporter.app.reload import Configuration
from exporter.board import Board
from exporter.bridge import node_report
from exporter.daemon import Daemon, Worker
from exporter.metrics.own import ProcessState
from exporter.metrics.page import Page, Section
from exporter.options import OptionError, RunOptions
from exporter.polling import Poller
from exporter.report import report_document
from exporter.server import Address, Application, ListenError, Routes, Server
from exporter.server.landing import Landing
from exporter.sources import Source

log = logging.getLogger("tunewatch")

SOURCE_LIVENESS = 1800.0
"""A source may hang in a driver for half an hour before the process counts as unhealthy."""


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
        self._sources: list[Source] = []
        self._sections: dict[str, Section] = {}
        self._role = None
        for source, families in machine_sources(options, config, self._board):
            self._sources.append(source)
            self._sections[source.name] = Section(families, source.interval)
        if options.collect_mlflow:
            # A node process imports neither mlflow nor anything that only the run role needs.
            from exporter.app.role import RunRole  # noqa: PLC0415 - as said

            self._role = RunRole(options, config, environ, redactor, self._board)
            self._sources += self._role.sources
            self._sections |= self._role.sections
            self._configuration.apply = self._role.reconfigure
        elif options.nodes:
            raise OptionError(
                "--nodes.address: only the run role asks other nodes; leave it out together with "
                "--no-collector.mlflow"
            )
        self._page = Page(self._board, self._sections, self._state)
        if self._role:
            expected = {source.name for source in self._sources if source.expected}
            self._role.join(self._page, expected)
        self._daemon = self._assemble()

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
        collecting = {source: self._collector(source) for source in self._sources}
        beside = (worker for source in self._sources for worker in companions(source))

        def reload_soon() -> None:
            self._configuration.ask()
            watcher.wake()

        daemon = Daemon(
            [watcher, *collecting.values(), *beside],
            on_stop=[self._close],
            on_signal={signal.SIGHUP: reload_soon, **driver_signals(collecting)},
        )
        if self._role:
            self._role.begin(daemon)
        return daemon

    def _collector(self, source: Source) -> Worker:
        poller = Poller(source, self._board, on_publish=self._page.warm)
        return Worker(source.name, poller.tick, liveness=SOURCE_LIVENESS)

    def _close(self) -> None:
        """Store everything first: closing what may hang comes last."""
        if self._role:
            self._role.engine.flush(time.time())
        self._server.stop()
        for source in self._sources:
            source.close()

    def _state(self) -> ProcessState:
        configuration = self._configuration
        return ProcessState(
            version=self._version,
            python=platform.python_version(),
            leader=True if self._role else None,
            config_hash=configuration.hash,
            rules_hash=self._role.rules_hash if self._role else "",
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
            alerts=lambda: self._role.alerts() if self._role else {"run_role": False, "alerts": []},
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


def _address(options: RunOptions) -> Address:
    try:
        return Address.parse(options.listen_address)
    except ValueError as error:
        raise OptionError(f"--web.listen-address: {error}") from error
