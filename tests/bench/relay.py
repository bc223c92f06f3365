"""A relay on loopback that counts requests and bytes, without looking into them."""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from typing import NamedTuple

from exporter.demo.loopback import HOST

PIECE = 1 << 18


class Traffic(NamedTuple):
    """What has passed: requests, and the bytes of their answers with all headers."""

    requests: int
    size: int


class Relay(socketserver.ThreadingTCPServer):
    """Passes every connection on to `upstream` (a port), byte by byte, kept alive or not."""

    daemon_threads = True

    def __init__(self, upstream: int) -> None:
        super().__init__((HOST, 0), _Link)
        self.upstream = upstream
        self.requests = 0
        self.size = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    @property
    def traffic(self) -> Traffic:
        """What has passed so far."""
        return Traffic(self.requests, self.size)


class _Link(socketserver.BaseRequestHandler):
    """One connection; whoever asks waits for the answer before asking again."""

    server: Relay
    request: socket.socket

    def handle(self) -> None:
        with socket.create_connection((HOST, self.server.upstream)) as upstream:
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(ConnectionError):
                self._pass_on(upstream)

    def _pass_on(self, upstream: socket.socket) -> None:
        client, asked = self.request, False
        while True:
            for source in select.select((client, upstream), (), ())[0]:
                piece = source.recv(PIECE)
                if not piece:
                    return
                if source is client:
                    self.server.requests += not asked
                    asked = True
                    upstream.sendall(piece)
                else:
                    self.server.size += len(piece)
                    asked = False
                    client.sendall(piece)


@contextlib.contextmanager
def relay(upstream: int) -> Iterator[Relay]:
    """Run such a relay for the length of the block."""
    server = Relay(upstream)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
