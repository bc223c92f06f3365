"""Scrapes over loopback as a Prometheus server makes them, and what they cost."""

from __future__ import annotations

import contextlib
import gzip
import statistics
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import NamedTuple

from exporter.demo.loopback import HOST
from tests.bench.programs import Program

TIMEOUT_SECONDS = 30.0
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


@dataclass(frozen=True, slots=True)
class Scraper:
    """How to ask: `kept` is one connection for all scrapes, where the server keeps it open."""

    name: str
    encoding: str
    accept: str = "text/plain"
    kept: bool = True

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request."""
        return {"Accept": self.accept, "Accept-Encoding": self.encoding}


PLAIN = Scraper("plain, kept", "identity")
GZIP = Scraper("gzip, kept", "gzip")
PROMETHEUS = Scraper("gzip OpenMetrics, new", "gzip", OPENMETRICS, kept=False)
SCRAPERS = (PLAIN, GZIP, PROMETHEUS)
"""The last one asks as Prometheus does: by the next scrape its idle connection has been closed."""


class Page(NamedTuple):
    """What a scrape brought: the bytes on the wire, and the text."""

    size: int
    text: str

    @property
    def series(self) -> int:
        """The number of samples."""
        return sum(1 for line in self.text.splitlines() if line and not line.startswith("#"))


def page(port: int, scraper: Scraper = PLAIN) -> Page:
    """Scrape once."""
    connection = HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics", headers=scraper.headers)
        response = connection.getresponse()
        body = response.read()
        packed = response.headers["Content-Encoding"] == "gzip"
        return Page(len(body), (gzip.decompress(body) if packed else body).decode())


class Cost(NamedTuple):
    """What scrapes took in ms: the median, the slowest of 100, and the server's CPU per scrape."""

    p50: float
    p99: float
    cpu: float


class Series:
    """Scrapes of one program in one way; may be taken in several turns."""

    def __init__(self, program: Program, scraper: Scraper) -> None:
        self._program = program
        self._scraper = scraper
        self._seconds: list[float] = []
        self.cpu = 0.0
        """CPU seconds of the server during all turns."""

    def take(self, count: int, pause: float = 0.0) -> None:
        """Scrape `count` times more, waiting `pause` seconds before each."""
        connection = HTTPConnection(HOST, self._program.port, timeout=TIMEOUT_SECONDS)
        before = self._program.cpu()
        with contextlib.closing(connection):
            for _ in range(count):
                if pause:
                    time.sleep(pause)
                started = time.perf_counter()
                self._scrape(connection).read()
                if not self._scraper.kept:
                    connection.close()
                self._seconds.append(time.perf_counter() - started)
        self.cpu += self._program.cpu() - before

    def cost(self) -> Cost:
        """Return the cost of all turns together."""
        cuts = statistics.quantiles(self._seconds, n=100, method="inclusive")
        return Cost(1e3 * cuts[49], 1e3 * cuts[98], 1e3 * self.cpu / len(self._seconds))

    def slowest(self) -> float:
        """Return the time of the slowest scrape in ms."""
        return 1e3 * max(self._seconds)

    def _scrape(self, connection: HTTPConnection) -> HTTPResponse:
        # A connection that the server has closed is opened anew, as part of the scrape.
        connection.request("GET", "/metrics", headers=self._scraper.headers)
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"a scrape was answered with {response.status}")
        return response
