"""Plain HTTP requests to a server on loopback, and a server around an application."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from exporter.server import Address, Application, Server


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def request(
    address: Address, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
) -> Answer:
    """Send one request on a connection of its own and return the answer as it came."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, headers=dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, dict(response.headers), response.read())


@contextlib.contextmanager
def serving(application: Application) -> Iterator[Address]:
    """Serve the application on any free loopback port for the length of the block."""
    deaths: list[str] = []
    server = Server(Address("127.0.0.1", 0), application, deaths.append)
    address = server.start()
    try:
        yield address
    finally:
        server.stop()
    assert not deaths
