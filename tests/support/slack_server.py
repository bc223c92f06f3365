"""A webhook on loopback that behaves as Slack's does on its good and on its bad days."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Mood = Literal["ok", "rate_limited", "broken", "gone", "forbidden", "hang", "reset"]
STATUS: dict[Mood, int] = {"rate_limited": 429, "broken": 500, "gone": 404, "forbidden": 403}


class Post(NamedTuple):
    path: str
    body: bytes


class SlackServer(ThreadingHTTPServer):
    """Answers posts according to its `mood`; `posts` are all that arrived whole."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mood: Mood = "ok"
        self.redirect = 0
        """The status of a redirect to a page of the same server, 0 for none."""
        self.gets = 0
        self.posts: list[Post] = []
        self.stop_hanging = threading.Event()
        self.tls: ssl.SSLContext | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: SlackServer

    def do_CONNECT(self) -> None:
        """Be the host that the client asked the proxy for, whichever it is."""
        assert self.server.tls is not None
        self.send_response(200, "Connection established")
        self.end_headers()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile: Any = _Writer(self.connection)
        self.handle_one_request()
        self.close_connection = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append(Post(self.path, body))
        mood = self.server.mood
        if self.server.redirect:
            self._answer(self.server.redirect, b"")
        elif mood == "hang":
            self.server.stop_hanging.wait(30)
        elif mood == "reset":
            # Lingering for no time makes the close a reset.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
        else:
            self._answer(STATUS.get(mood, 200), b"ok" if mood == "ok" else mood.encode())

    def do_GET(self) -> None:
        """Show a page to who follows a redirect; a webhook has none of its own."""
        self.server.gets += 1
        self._answer(200 if self.server.redirect else 501, b"ok")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status == self.server.redirect:
            self.send_header("Location", "/elsewhere")
        if status == STATUS["rate_limited"]:
            self.send_header("Retry-After", "30")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""


class _Writer:
    """What http.server writes answers to: a socket without a buffer."""

    closed = False

    def __init__(self, connection: socket.socket) -> None:
        self.write = connection.sendall

    def flush(self) -> None:
        """Have nothing to flush."""

    def close(self) -> None:
        """Leave the socket to the server."""


@contextmanager
def slack_server() -> Iterator[SlackServer]:
    """Serve on a free loopback port for the length of the block."""
    with SlackServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stop_hanging.set()
            server.shutdown()


def certify(server: SlackServer, host: str, folder: Path) -> Path:
    """Let `server` speak TLS as `host`; return the file of the authority to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "slack.pem", folder / "slack.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.tls.load_cert_chain(certificate_file, key_file)
    return certificate_file
