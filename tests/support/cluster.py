"""A cluster of tunewatch processes on loopback: one API server, one tracking server, one webhook.

Every process has an address of its own, stands for the run role, and is watched from outside: who
shows runs when, and who tells whom what.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from exporter.leadership import boot_clock
from exporter.server import Address
from tests.support.program import environment
from tests.support.storm import News

LOOK_EVERY = 0.1
"""Seconds between two looks at the page of a process."""
_TITLE = re.compile(r"^\W*((?:NOW |STILL )?CRITICAL|WARNING|INFO|RESOLVED|FIRED AND RESOLVED): ")
_IDENTITY = re.compile(r"^\W*(\w+) · (.+?) · #(\d+)\W*$")


class Told(NamedTuple):
    """One message that arrived: when (boot clock), from which process, and what it says."""

    at: float
    pod: str
    news: tuple[News, ...]


class Inbox(ThreadingHTTPServer):
    """A webhook that accepts everything; the path says which process posts."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.told: list[Told] = []

    def counts(self) -> Counter[News]:
        """Return how often each piece of news arrived."""
        return Counter(news for told in tuple(self.told) for news in told.news)


class _Handler(BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        at = boot_clock()
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        news = tuple(_news(content["title"], content["message"]))
        self.server.told.append(Told(at, self.path.strip("/"), news))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""


def _news(title: str, text: str) -> Iterator[News]:
    """Read a message of one alert, or of several that were told together."""
    word = ""
    for line in (title, *text.splitlines()):
        if found := _TITLE.match(line):
            word = found[1]
        elif found := _IDENTITY.match(line):
            rule, subject, episode = found.groups()
            if word.startswith("STILL"):
                # A reminder is no news: the number has grown.
                continue
            if word != "RESOLVED":
                yield News(rule, subject, int(episode), "fired")
            if word in ("RESOLVED", "FIRED AND RESOLVED"):
                yield News(rule, subject, int(episode), "resolved")


@contextlib.contextmanager
def inbox() -> Iterator[Inbox]:
    """Serve a webhook for the length of the block."""
    with Inbox() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


class Look(NamedTuple):
    """One look at the page of a process, between two readings of the boot clock."""

    begun: float
    ended: float
    pod: str
    leads: bool
    shows_runs: bool


class Pod:
    """One process, started, stopped, killed and frozen at will, and watched all the time."""

    def __init__(self, name: str, address: Address, folder: Path, flags: Sequence[str]) -> None:
        self.name = name
        self.address = address
        self.looks: list[Look] = []
        self.environment: dict[str, str] = {}
        self._folder = folder
        self._flags = tuple(flags)
        self._process: subprocess.Popen[bytes] | None = None
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Start the process, as a kubelet does; it is new to the cluster each time."""
        command = [
            *(sys.executable, "-m", "exporter", "run", f"--web.listen-address={self.address}"),
            *(f"--node.name={self.name}", *self._flags),
        ]
        with (self._folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,
                env=environment(self._folder, **self.environment),
                stdout=log,
                stderr=log,
            )
        if not self._watcher.is_alive():
            self._watcher.start()

    def send(self, number: signal.Signals) -> None:
        """Send a signal and, if it is one that ends a process, wait for that."""
        assert self._process is not None
        self._process.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self._process.wait(30)

    def end(self) -> None:
        """Have no process left, whatever became of it."""
        self._over.set()
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)

    @property
    def leads(self) -> bool:
        """Whether it had the run role when it was last looked at."""
        return bool(self.looks) and self.looks[-1].leads

    @property
    def log(self) -> str:
        """All that the process and those before it have said."""
        return (self._folder / f"{self.name}.log").read_text()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            begun = boot_clock()
            page = _page(self.address)
            leads = "\ntunewatch_leader 1.0\n" in page
            shows = "\nmlflow_run_info{" in page
            self.looks.append(Look(begun, boot_clock(), self.name, leads, shows))


def _page(address: Address) -> str:
    """Return the metrics page; nothing where nobody answers in a second."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=1)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()
