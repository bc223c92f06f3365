"""Who is told on one machine: a mailbox and a watchdog, which tell the console what comes in."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from exporter.demo.loopback import HOST

Say = Callable[[str], None]


class _Mailbox:
    """Takes every mail and tells its subject."""

    def __init__(self, say: Say) -> None:
        self._say = say

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        content = envelope.original_content or b""
        mail = email.message_from_bytes(content, policy=email.policy.default)
        self._say(f"mail: {mail['Subject']}")
        return "250 accepted"


@contextmanager
def mailbox(port: int, say: Say) -> Iterator[None]:
    """Take mail at a loopback port for the length of the block."""
    controller = Controller(_Mailbox(say), hostname=HOST, port=port)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


class _Watchdog(ThreadingHTTPServer):
    """Answers whoever calls, and tells of the first call."""

    daemon_threads = True

    def __init__(self, port: int, say: Say) -> None:
        super().__init__((HOST, port), _Call)
        self._say = say
        self._called = False

    def called(self) -> None:
        if not self._called:
            self._called = True
            self._say("webhook: Alertmanager's watchdog calls, and goes on to while all is well")


class _Call(BaseHTTPRequestHandler):
    server: _Watchdog

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.called()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it was declared
        """Say nothing."""


@contextmanager
def watchdog(port: int, say: Say) -> Iterator[None]:
    """Answer calls at a loopback port for the length of the block."""
    with _Watchdog(port, say) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
