"""A server on loopback in front of a tracking server, which fails in ways that can be chosen."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

HOST = "127.0.0.1"
LOGIN_PAGE = b"<!DOCTYPE html><html><body><form>Sign in</form></body></html>"


class Reply(NamedTuple):
    """What is sent instead of the upstream's answer; `length` may promise more than `body`."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    length: int | None = None


class Request(NamedTuple):
    """One request that came, and the size of its answer."""

    method: str
    path: str
    answered_bytes: int
    authorization: str


Fault = Callable[[str], Reply | None]
"""Maps a request's path to a reply of its own, or to None for the upstream's answer."""


def always(reply: Reply) -> Fault:
    """Answer every request so."""
    return lambda _path: reply


def status(code: int, body: bytes = b"{}") -> Fault:
    """Answer every request with this HTTP status."""
    return always(Reply(code, body))


def html(_path: str) -> Reply:
    """Answer like a login page: with success."""
    return Reply(200, LOGIN_PAGE, "text/html")


def truncated(_path: str) -> Reply:
    """Break off in the middle of what was promised."""
    return Reply(200, b'{"runs": [', length=5_000)


class FaultyServer(ThreadingHTTPServer):
    """Passes requests on to `upstream` (a port) unless `fault` says otherwise."""

    daemon_threads = True

    def __init__(self, upstream: int) -> None:
        super().__init__((HOST, 0), _Handler)
        self.upstream = upstream
        self.fault: Fault | None = None
        self.arrived = 0
        self.requests: list[Request] = []
        self.released = threading.Event()

    @property
    def uri(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.server_port}"

    def hang(self, _path: str) -> Reply:
        """Accept and say nothing until the server is closed."""
        self.released.wait()
        return Reply(503)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave together
    server: FaultyServer

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers["Content-Length"])))

    def _serve(self, body: bytes) -> None:
        self.server.arrived += 1
        fault = self.server.fault
        reply = (fault(self.path) if fault else None) or self._ask_upstream(body)
        authorization = self.headers.get("Authorization", "")
        self.server.requests.append(
            Request(self.command, self.path, len(reply.body), authorization)
        )
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        promised = len(reply.body) if reply.length is None else reply.length
        self.send_header("Content-Length", str(promised))
        self.end_headers()
        self.wfile.write(reply.body)
        self.close_connection = promised != len(reply.body)

    def _ask_upstream(self, body: bytes) -> Reply:
        connection = http.client.HTTPConnection(HOST, self.server.upstream, timeout=30)
        with contextlib.closing(connection):
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _OWN_HEADERS}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            kind = response.headers.get("Content-Type", "")
            return Reply(response.status, response.read(), kind)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep quiet."""


_OWN_HEADERS = {"host", "content-length", "connection", "accept-encoding"}


@contextlib.contextmanager
def faulty(upstream: int) -> Iterator[FaultyServer]:
    """Run such a server for the length of the block."""
    server = FaultyServer(upstream)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
