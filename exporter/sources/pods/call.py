"""One unary gRPC call over a unix socket: HTTP/2 by `h2`, the rest is a few lines.

The official client costs eight times the memory and brings a C core, for one call in ten seconds.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error

ANSWER_LIMIT = 16 * 1024 * 1024
"""Bytes; the kubelet's own client takes no more either."""
_CHUNK = 64 * 1024
_ENDED = "the connection ended before the answer did"
_PREFIX = 5
"""Bytes before a message: whether it is compressed, and its length."""


class NotGrpc(Exception):  # noqa: N818 - a state of the world, not a mistake
    """What listens does not speak gRPC, or breaks off; says how that shows."""


class Refused(Exception):  # noqa: N818 - as above
    """The call was answered with a status other than OK."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"status {status}: {message}")
        self.status = status
        self.message = message


def unary(
    path: Path,
    method: str,
    request: bytes = b"",
    *,
    timeout: float = 5.0,
    monotonic: Callable[[], float] = time.monotonic,
) -> memoryview:
    """Call `method` of the server that listens at `path` and return the answer's message.

    All of it ends within `timeout` seconds. Raises Refused for a status other than OK, TimeoutError
    when time is up, NotGrpc for an answer that is none, and OSError when nobody can be reached.
    """
    deadline = monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        exchange = _Exchange(method, request, timeout)
        try:
            _converse(connection, exchange, lambda: deadline - monotonic())
        except (BrokenPipeError, ConnectionResetError) as error:
            raise NotGrpc(_ENDED) from error
    return exchange.message()


def _converse(connection: socket.socket, exchange: _Exchange, left: Callable[[], float]) -> None:
    """Send and receive until the exchange has ended, or no seconds are left."""
    while not exchange.ended:
        seconds = left()
        if seconds <= 0:
            raise TimeoutError
        connection.settimeout(seconds)
        connection.sendall(exchange.to_send())
        exchange.receive(connection.recv(_CHUNK))


class _Exchange:
    """The one request of a connection and what has come back of its answer."""

    def __init__(self, method: str, request: bytes, timeout: float) -> None:
        self.ended = False
        self._headers: dict[bytes, bytes] = {}
        self._body = bytearray()
        self._http = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._http.initiate_connection()
        self._http.send_headers(1, _headers(method, timeout))
        self._http.send_data(1, _prefix(request) + request, end_stream=True)

    def to_send(self) -> bytes:
        """Return what the other side has to be sent now."""
        return self._http.data_to_send()

    def receive(self, data: bytes) -> None:
        """Take in what the other side has sent; nothing is the end of the connection."""
        if not data:
            raise NotGrpc(_ENDED)
        try:
            events = self._http.receive_data(data)
        except H2Error as error:
            raise NotGrpc(f"not HTTP/2: {error}") from error
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, ResponseReceived | TrailersReceived):
            self._headers.update(_pairs(event.headers))
        elif isinstance(event, DataReceived):
            self._body += event.data
            if len(self._body) > ANSWER_LIMIT:
                raise NotGrpc(f"the answer is longer than {ANSWER_LIMIT} bytes")
            self._http.acknowledge_received_data(event.flow_controlled_length, 1)
        elif isinstance(event, StreamEnded):
            self.ended = True
        elif isinstance(event, StreamReset | ConnectionTerminated):
            raise NotGrpc(f"the answer was broken off with HTTP/2 error {event.error_code}")

    def message(self) -> memoryview:
        """Return the one message of an answer that has ended well."""
        status = self._headers.get(b"grpc-status", b"")
        if not re.fullmatch(rb"\d{1,3}", status):
            http = self._headers.get(b":status", b"?").decode("ascii", "replace")
            raise NotGrpc(f"an HTTP answer with status {http}, but none of gRPC")
        if int(status):
            raise Refused(int(status), _words(self._headers.get(b"grpc-message", b"")))
        body = memoryview(self._body)
        size = int.from_bytes(body[1:_PREFIX], "big")
        if len(body) != _PREFIX + size or body[0]:
            raise NotGrpc("the answer is not one plain message")
        return body[_PREFIX:]


def _headers(method: str, timeout: float) -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", method),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "tunewatch"),
        ("grpc-timeout", f"{max(1, round(1000 * timeout))}m"),
    ]


def _prefix(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big")


def _pairs(headers: Iterable[tuple[bytes | str, bytes | str]]) -> dict[bytes, bytes]:
    """Return headers by name: bytes, as no encoding was chosen for them."""
    return {
        name: value
        for name, value in headers
        if isinstance(name, bytes) and isinstance(value, bytes)
    }


def _words(message: bytes) -> str:
    """Return a status message, which is percent-encoded, as one line."""
    return " ".join(unquote(message.decode("ascii", "replace")).split())[:200]
