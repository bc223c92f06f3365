"""The HTTP server: listens, hands requests to the application, and never outlives its process."""

from __future__ import annotations

import contextlib
import errno
import logging
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any

from cheroot import wsgi
from cheroot.server import HTTPConnection, HTTPRequest

from exporter.server.address import Address, ListenError
from exporter.server.app import Application, Routes

__all__ = ["Address", "Application", "ListenError", "Routes", "Server"]

log = logging.getLogger("tunewatch.http")

THREADS = 8
QUEUED_REQUESTS = 64
QUEUE_SECONDS = 1
IDLE_SECONDS = 5
HEADER_SECONDS = 10.0
"""How long a client may take to send the head of a request, in whatever pieces."""
MAX_HEADER_BYTES = 16 * 1024
MAX_BODY_BYTES = 64 * 1024

_REMEDIES = {
    errno.EADDRINUSE: "stop the program that listens there, or choose another port with "
    "--web.listen-address",
    errno.EACCES: "choose a port above 1023 with --web.listen-address",
    errno.EADDRNOTAVAIL: "choose an address of this machine with --web.listen-address",
}
_OTHER_REMEDY = "choose another address with --web.listen-address"


class Server:
    """Serves one application at one address with a bounded number of threads.

    `on_death` is told, in words, should the server ever end without `stop`.
    """

    def __init__(
        self, address: Address, application: Application, on_death: Callable[[str], None]
    ) -> None:
        self._wanted = address
        self._http = _HttpServer(address, application)
        self._on_death = on_death
        self._stopping = threading.Event()

    def start(self) -> Address:
        """Listen and serve on threads of its own; return the address with the real port.

        Raises ListenError when the address cannot be had.
        """
        listening: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        # The server's own threads inherit the daemon flag from the thread that makes them.
        threading.Thread(target=self._serve, args=(listening,), name="http", daemon=True).start()
        problem = listening.get()
        if isinstance(problem, OSError):
            cause = self._http.bind_error or problem
            remedy = _REMEDIES.get(cause.errno or 0, _OTHER_REMEDY)
            raise ListenError(self._wanted, cause.strerror or str(cause), remedy) from problem
        if problem is not None:
            raise problem
        return Address(*self._http.bind_addr)

    def stop(self) -> None:
        """Close the socket soon, without waiting for requests under way."""
        self._stopping.set()
        threading.Thread(target=self._http.stop, name="http-stop", daemon=True).start()

    def _serve(self, listening: queue.SimpleQueue[Exception | None]) -> None:
        problem: Exception | None = RuntimeError("the HTTP server could not be prepared")
        try:
            self._http.prepare()
            problem = None
        except OSError as error:
            problem = error
        finally:
            listening.put(problem)
        if problem is not None:
            return
        try:
            self._http.serve()
        finally:
            if not self._stopping.is_set():
                self._on_death("the HTTP server ended unexpectedly")


class _Request(HTTPRequest):
    """A request whose head has to come within a time, however slowly its client writes."""

    def parse_request(self) -> None:
        deadline = threading.Timer(HEADER_SECONDS, self._give_up)
        deadline.daemon = True
        deadline.start()
        try:
            super().parse_request()
        finally:
            deadline.cancel()

    def _give_up(self) -> None:
        with contextlib.suppress(OSError):
            self.conn.socket.shutdown(socket.SHUT_RD)


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request
    heard = False


class _HttpServer(wsgi.Server):
    """Cheroot's server with our limits, our log, and the reason why it could not listen.

    Its threads serve clients that speak; silent ones wait, for as long as idle ones may, where
    they cost nothing but a socket.
    """

    ConnectionClass = _Connection
    max_request_header_size = MAX_HEADER_BYTES
    max_request_body_size = MAX_BODY_BYTES

    def __init__(self, address: Address, application: Application) -> None:
        super().__init__(
            tuple(address),
            application,
            numthreads=THREADS,
            max=THREADS,
            server_name="tunewatch",
            request_queue_size=QUEUED_REQUESTS,
            accepted_queue_size=QUEUED_REQUESTS,
            accepted_queue_timeout=QUEUE_SECONDS,
            timeout=IDLE_SECONDS,
            shutdown_timeout=0,
        )
        self.bind_error: OSError | None = None

    def bind(self, family: int, type: int, proto: int = 0) -> socket.socket:  # noqa: A002 - cheroot's name
        try:
            bound: socket.socket = super().bind(family, type, proto)
        except OSError as error:
            self.bind_error = error
            raise
        return bound

    def process_conn(self, conn: _Connection) -> None:
        if conn.heard:
            super().process_conn(conn)
        else:
            conn.heard = True
            self.put_conn(conn)

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: Any = False) -> None:  # noqa: ANN401, FBT002 - cheroot's signature
        # A client that hangs up or speaks nonsense is no news for whoever reads the log.
        log.log(level if level >= logging.ERROR else logging.DEBUG, "%s", msg, exc_info=traceback)
