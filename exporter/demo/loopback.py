"""HTTP and TCP ports on the loopback interface, where no proxy of the environment is asked."""

from __future__ import annotations

import socket
from http.client import HTTPConnection, HTTPException

HOST = "127.0.0.1"
TIMEOUT_SECONDS = 10.0


class NoAnswer(Exception):  # noqa: N818 - while a server starts this is no error
    """Nobody answers at that port; says how it failed."""


def request(port: int, method: str, path: str, body: str | None = None) -> tuple[int, str]:
    """Return the status and the text of an HTTP answer; raises NoAnswer."""
    connection = HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")
    except (OSError, HTTPException) as error:
        raise NoAnswer(f"http://{HOST}:{port} does not answer: {error!r}") from error
    finally:
        connection.close()


def answers(port: int, path: str) -> bool:
    """Whether a GET of this path is answered with success by now."""
    try:
        return request(port, "GET", path)[0] == 200
    except NoAnswer:
        return False


def free_port(wanted: int | None, usual: int) -> int | None:
    """Return the wanted port if it is free, else None; without a wish the usual one or any."""
    if wanted is not None:
        return _bind(wanted)
    return _bind(usual) or _bind(0)


def _bind(port: int) -> int | None:
    with socket.socket() as probe:
        # As servers do, so that a port whose last connections linger counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return None
        return int(probe.getsockname()[1])
