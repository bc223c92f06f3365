"""The WSGI application: which path answers what, with which headers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from exporter.metrics.page import Rendered
from exporter.server.landing import CONTENT_SECURITY_POLICY, Landing, landing_page

Environ = Mapping[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]

_TEXT = "text/plain; charset=utf-8"
_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


@dataclass(frozen=True, slots=True)
class Routes:
    """What the paths are answered with; every callable may be called from several threads.

    `metrics` takes the Accept header and whether gzip is accepted. `problems` and `not_ready` say
    what is wrong, nothing meaning that all is well. `alerts` and `node` return values that JSON can
    hold. `reload` returns what is wrong with the configuration, or "" when it is in force.
    """

    metrics: Callable[[str, bool], Rendered]
    problems: Callable[[], Sequence[str]]
    not_ready: Callable[[], Sequence[str]]
    landing: Callable[[], Landing]
    alerts: Callable[[], object]
    node: Callable[[], object]
    reload: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer before the headers that every answer has."""

    body: bytes
    content_type: str = _TEXT
    status: HTTPStatus = HTTPStatus.OK
    headers: Sequence[tuple[str, str]] = field(default=())


Handler = Callable[[Environ], Response]


class Application:
    """Finds the handler for a request; what a handler raises becomes a 500 by the server."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._handlers: Mapping[str, Mapping[str, Handler]] = {
            "/": _readable(self._landing),
            "/metrics": _readable(self._metrics),
            "/-/healthy": _readable(lambda _: _verdict(routes.problems(), "healthy")),
            "/-/ready": _readable(lambda _: _verdict(routes.not_ready(), "ready")),
            "/-/reload": {"POST": self._reload},
            "/api/v1/alerts": _readable(lambda _: _json(routes.alerts())),
            "/api/v1/node": _readable(lambda _: _json(routes.node())),
        }

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request as PEP 3333 has it."""
        response = self._respond(environ)
        headers = [
            ("Content-Type", response.content_type),
            ("Content-Length", str(len(response.body))),
            *response.headers,
            *_HEADERS,
        ]
        start_response(f"{response.status.value} {response.status.phrase}", headers)
        return () if environ["REQUEST_METHOD"] == "HEAD" else (response.body,)

    def _respond(self, environ: Environ) -> Response:
        methods = self._handlers.get(environ["PATH_INFO"])
        if methods is None:
            return _message(HTTPStatus.NOT_FOUND, "nothing here; see /")
        handler = methods.get(environ["REQUEST_METHOD"])
        if handler is None:
            allow = ", ".join(methods)
            return _message(HTTPStatus.METHOD_NOT_ALLOWED, f"use {allow}", ("Allow", allow))
        return handler(environ)

    def _metrics(self, environ: Environ) -> Response:
        gzip = accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
        page = self._routes.metrics(environ.get("HTTP_ACCEPT", ""), gzip)
        headers = [("Vary", "Accept, Accept-Encoding")]
        if page.encoding:
            headers.append(("Content-Encoding", page.encoding))
        return Response(page.body, page.content_type, headers=headers)

    def _landing(self, _environ: Environ) -> Response:
        return Response(landing_page(self._routes.landing()).encode(), "text/html; charset=utf-8")

    def _reload(self, environ: Environ) -> Response:
        if "HTTP_ORIGIN" in environ:
            return _message(HTTPStatus.FORBIDDEN, "not from a web page; use curl -X POST")
        problem = self._routes.reload()
        if problem:
            return _message(HTTPStatus.INTERNAL_SERVER_ERROR, problem)
        return _message(HTTPStatus.OK, "configuration reloaded")


def accepts_gzip(accept_encoding: str) -> bool:
    """Read an Accept-Encoding header (RFC 9110, 12.5.3): gzip, unless its weight is zero."""
    for choice in accept_encoding.lower().split(","):
        coding, *parameters = (part.strip() for part in choice.split(";"))
        if coding in {"gzip", "x-gzip"}:
            weight = next((p.removeprefix("q=") for p in parameters if p.startswith("q=")), "1")
            return weight.strip("0.") != ""
    return False


def _readable(handler: Handler) -> Mapping[str, Handler]:
    return {"GET": handler, "HEAD": handler}


def _json(value: object) -> Response:
    text = json.dumps(value, ensure_ascii=True, indent=2)
    return Response(text.encode() + b"\n", "application/json")


def _verdict(problems: Sequence[str], fine: str) -> Response:
    if problems:
        return _message(HTTPStatus.SERVICE_UNAVAILABLE, "\n".join(problems))
    return _message(HTTPStatus.OK, fine)


def _message(status: HTTPStatus, text: str, *headers: tuple[str, str]) -> Response:
    return Response(f"{text}\n".encode(), status=status, headers=headers)
