"""A server on loopback in front of a tracking server, which fails in ways that can be chosen."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
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


class Guard(NamedTuple):
    """What a reverse proxy adds: a path prefix of its own, a bearer token to show, TLS."""

    prefix: str = ""
    token: str = ""
    tls: ssl.SSLContext | None = None


class FaultyServer(ThreadingHTTPServer):
    """Passes requests on to `upstream` (a port) unless `fault` or the guard says otherwise."""

    daemon_threads = True

    def __init__(self, upstream: int, guard: Guard) -> None:
        super().__init__((HOST, 0), _Handler)
        self.upstream = upstream
        self.guard = guard
        self.fault: Fault | None = None
        self.arrived = 0
        self.requests: list[Request] = []
        self.connections: list[socket.socket] = []
        self.released = threading.Event()

    @property
    def uri(self) -> str:
        """Where it listens."""
        scheme = "https" if self.guard.tls else "http"
        return f"{scheme}://{HOST}:{self.server_port}{self.guard.prefix}"

    def refuse(self, path: str, authorization: str) -> Reply | None:
        """Return the answer to whoever comes to the wrong path or without the token."""
        if not path.startswith(self.guard.prefix):
            return Reply(404, b"<html>nginx</html>", "text/html")
        if self.guard.token and authorization != f"Bearer {self.guard.token}":
            return Reply(401, b"<html>nginx</html>", "text/html")
        return None

    def hang_up(self) -> None:
        """End all connections, as servers do with those that are idle."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.connections.clear()

    def handle_error(self, *_: object) -> None:
        """Keep quiet of clients that break off, as they do when they distrust the certificate."""

    def hang(self, _path: str) -> Reply:
        """Accept and say nothing until the server is closed."""
        self.released.wait()
        return Reply(503)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave together
    server: FaultyServer

    def setup(self) -> None:
        """Shake hands in the thread of this connection, where a broken one costs only itself."""
        if self.server.guard.tls is not None:
            self.request = self.server.guard.tls.wrap_socket(self.request, server_side=True)
        super().setup()
        self.server.connections.append(self.connection)

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers["Content-Length"])))

    def _serve(self, body: bytes) -> None:
        server = self.server
        server.arrived += 1
        authorization = self.headers.get("Authorization", "")
        reply = server.refuse(self.path, authorization) or (
            server.fault(self.path) if server.fault else None
        )
        reply = reply or self._ask_upstream(body)
        server.requests.append(Request(self.command, self.path, len(reply.body), authorization))
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
            path = self.path.removeprefix(self.server.guard.prefix)
            connection.request(self.command, path, body, headers)
            response = connection.getresponse()
            kind = response.headers.get("Content-Type", "")
            return Reply(response.status, response.read(), kind)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep quiet."""


_OWN_HEADERS = {"host", "content-length", "connection", "accept-encoding"}


@contextlib.contextmanager
def faulty(upstream: int, guard: Guard | None = None) -> Iterator[FaultyServer]:
    """Run such a server for the length of the block."""
    server = FaultyServer(upstream, guard or Guard())
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
