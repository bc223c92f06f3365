"""What an answer of the API server means, and what it means that there is none."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from exporter.kube.errors import (
    Conflict,
    Forbidden,
    KubeError,
    NotFound,
    Refused,
    ServerFailed,
    Throttled,
    TooLarge,
    Unauthorized,
    Unreachable,
)
from exporter.kube.objects import Kind, Manifest

Request = tuple[str, Kind, str]
"""An HTTP method, a kind, and a name, which is empty on creation."""

MOST_WORDS = 300
_VERBS = {"GET": "get", "POST": "create", "PUT": "update"}


def checked(status: int, headers: Mapping[str, str], body: bytes, request: Request) -> Manifest:
    """Return the object that an answer holds; raises the KubeError that it stands for."""
    document = _json(body)
    if status in (HTTPStatus.OK, HTTPStatus.CREATED) and "metadata" in document:
        return document
    raise _refusal(status, headers, str(document.get("message") or ""), request)


def _json(body: bytes) -> Manifest:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _refusal(status: int, headers: Mapping[str, str], message: str, request: Request) -> KubeError:
    said = " ".join(message.split())[:MOST_WORDS] or f"HTTP {status}"
    method, kind, name = request
    what = f"{kind.plural}/{name}" if name else kind.plural
    if status == HTTPStatus.FORBIDDEN:
        return Forbidden(
            f"we may not {_VERBS[method]} {what} ({said})",
            f"the Role of our service account needs the verb {_VERBS[method]!r} on {kind.plural} "
            f"of the API group {kind.group!r}",
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(
            f"the API server has too much to do ({said})",
            "look at its load",
            _seconds(headers.get("Retry-After", "")),
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerFailed(f"the API server fails ({said})", "look at its log and at etcd")
    kind_of_error, remedy = _REFUSALS.get(status, (Refused, "look at the API server's log"))
    if "Too long" in message:
        kind_of_error, remedy = _REFUSALS[HTTPStatus.REQUEST_ENTITY_TOO_LARGE]
    return kind_of_error(f"the API server refuses {what} ({said})", remedy)


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() else 1.0


_REFUSALS: Mapping[int, tuple[type[KubeError], str]] = {
    HTTPStatus.UNAUTHORIZED: (Unauthorized, "renew the token of our service account"),
    HTTPStatus.NOT_FOUND: (NotFound, "create it"),
    HTTPStatus.CONFLICT: (Conflict, "read it again"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (TooLarge, "make it smaller"),
}


def unreachable(error: BaseException, host: str, timeout: float) -> Unreachable:
    """Explain a request without an answer, by the builtin errors in its chain of causes."""
    causes = tuple(_chain(error))
    for cause in causes:
        for kind, problem, remedy in _SILENCE:
            if isinstance(cause, kind):
                detail = getattr(cause, "verify_message", "") or type(cause).__name__
                return Unreachable(
                    problem.format(host=host, timeout=timeout, detail=detail), remedy
                )
    return Unreachable(
        f"asking {host} failed ({type(causes[-1]).__name__})", "look at the network and at proxies"
    )


_SILENCE: tuple[tuple[type[BaseException], str, str], ...] = (
    (
        ssl.SSLError,
        "TLS with {host} failed ({detail})",
        "check the certificate of the API server against the mounted authority",
    ),
    (socket.gaierror, "the host of {host} is unknown", "look at the cluster's DNS"),
    (ConnectionRefusedError, "nothing listens at {host}", "look at the API server"),
    (
        TimeoutError,
        "{host} did not answer within {timeout:.2g} s",
        "look at the API server, and at network policies between it and this pod",
    ),
    (ConnectionError, "{host} broke off", "look at the API server and at proxies"),
)
"""Builtin errors, the problem and its remedy; the first that fits."""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Walk causes outward in; ends on cycles, which exception chains may have.

    urllib3 keeps some causes among the arguments only.
    """
    walked: set[int] = set()
    while error is not None and id(error) not in walked:
        walked.add(id(error))
        yield error
        told: Iterator[Any] = (part for part in error.args if isinstance(part, BaseException))
        error = error.__cause__ or error.__context__ or next(told, None)
