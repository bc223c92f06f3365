"""What went wrong with a tracking server, in words that name the remedy."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from exporter.sources import SourceDown


class Refused(SourceDown):
    """MLflow itself answered that it will not do what was asked, in its own JSON form."""


def without_credentials(uri: str) -> str:
    """Return the URI fit to be shown: no user, no password, no query."""
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))


def unreachable(error: BaseException, where: str, timeout: float) -> SourceDown:
    """Explain a request that got no answer, by the builtin errors in its chain of causes."""
    causes = tuple(_chain(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return _no_tls(cause, where)
    for kinds, problem, remedy in _UNREACHABLE:
        if _has(causes, *kinds):
            return SourceDown(problem.format(where=where, timeout=timeout), remedy)
    if "CA certificate bundle" in str(causes[-1]):
        return SourceDown(
            "the file of trusted certificates is missing",
            "correct MLFLOW_TRACKING_SERVER_CERT_PATH",
        )
    return SourceDown(
        f"asking {where} failed ({type(causes[-1]).__name__})",
        "check MLFLOW_TRACKING_URI and the MLFLOW_TRACKING_* credentials",
    )


def _no_tls(error: ssl.SSLError, where: str) -> SourceDown:
    if isinstance(error, ssl.SSLCertVerificationError):
        return SourceDown(
            f"the certificate of {where} is not trusted ({error.verify_message})",
            _CERTIFICATES.get(
                error.verify_code,
                "name the file of the authority that signed it in "
                "MLFLOW_TRACKING_SERVER_CERT_PATH; if it was replaced, find out by whom",
            ),
        )
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return SourceDown(f"{where} does not speak TLS", "begin MLFLOW_TRACKING_URI with http://")
    return SourceDown(
        f"TLS with {where} failed ({error.reason or type(error).__name__})",
        "look at the TLS settings of the MLflow server or of the proxy in front of it",
    )


def closed_while_idle(error: BaseException) -> bool:
    """Tell whether a kept connection turned out to have been closed by the server meanwhile."""
    return _has(tuple(_chain(error)), http.client.RemoteDisconnected)


def bad_status(status: int, body: bytes, where: str) -> SourceDown:
    """Explain an answer whose HTTP status is not 200."""
    text = body[:4096].decode(errors="replace")
    if status == 403 and "Invalid Host header" in text:
        return SourceDown(
            f"{where} refuses this host name (403, Invalid Host header)",
            "start the MLflow server with --allowed-hosts naming it",
        )
    if status == 401:
        return SourceDown(
            f"{where} refuses our credentials (401)",
            "set or renew MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
            "MLFLOW_TRACKING_TOKEN",
        )
    if status == 404 and "Workspace" in text:
        return Refused(f"{where} knows no workspace of this name (404)", "correct MLFLOW_WORKSPACE")
    problem, remedy = _STATUS.get(status, _by_class(status))
    kind = Refused if status in (400, 403, 404) and '"error_code"' in text else SourceDown
    return kind(f"{where} {problem} ({status})", remedy)


def bad_body(body: bytes, where: str) -> SourceDown:
    """Explain an answer with status 200 that is not JSON."""
    if body.lstrip()[:1] == b"<":
        return SourceDown(
            f"{where} answers with a web page instead of JSON",
            "a login page or proxy stands in front: correct MLFLOW_TRACKING_URI or set "
            "MLFLOW_TRACKING_TOKEN",
        )
    if not body.strip():
        return SourceDown(f"{where} gives an empty answer", "check the proxy in front of it")
    return SourceDown(
        f"{where} gives an answer that is cut off or not JSON",
        "check that MLFLOW_TRACKING_URI names an MLflow server, and the proxy in front of it",
    )


def unexpected(what: str, where: str) -> SourceDown:
    """Explain JSON of another shape than MLflow's."""
    return SourceDown(
        f"{where} gives an answer without {what}",
        "check that MLFLOW_TRACKING_URI names an MLflow server of version 2.11 or later",
    )


_CERTIFICATES = {
    10: "renew the certificate of the MLflow server",
    62: "name the server in MLFLOW_TRACKING_URI as its certificate does",
    64: "name the server in MLFLOW_TRACKING_URI as its certificate does",
}
"""Remedies by OpenSSL's verification error: expired, another host, another address."""
_UNREACHABLE: tuple[tuple[tuple[type[BaseException], ...], str, str], ...] = (
    (
        (TimeoutError,),
        "{where} did not answer within {timeout:g} s",
        "look at the load of the MLflow server and its database",
    ),
    ((socket.gaierror,), "the host of {where} is unknown", "correct MLFLOW_TRACKING_URI"),
    (
        (ConnectionRefusedError,),
        "nothing listens at {where}",
        "start the MLflow server or correct MLFLOW_TRACKING_URI",
    ),
    (
        (http.client.HTTPException, ConnectionResetError, BrokenPipeError),
        "{where} broke off its answer",
        "look at the MLflow server's log and at proxies",
    ),
)
"""Errors from within, the problem and its remedy."""
_STATUS = {
    400: ("rejects our request", "upgrade the MLflow server to 3.1 or later"),
    403: ("denies access", "give our user READ permission on the experiments"),
    404: (
        "has no MLflow REST API at this path",
        "correct MLFLOW_TRACKING_URI; a server with --static-prefix needs that prefix in it",
    ),
    429: ("asks us to slow down", "poll less often, or raise the limit of the proxy"),
}


def _by_class(status: int) -> tuple[str, str]:
    if status >= 500:
        return "fails", "look at the log of the MLflow server and at its database"
    return "answers unexpectedly", "check MLFLOW_TRACKING_URI and the proxy in front of it"


def _has(causes: tuple[BaseException, ...], *kinds: type[BaseException]) -> bool:
    return any(isinstance(cause, kinds) for cause in causes)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Walk causes outward in; ends on cycles, which exception chains may have.

    urllib3 raises some errors anew without their cause, which is then among their arguments.
    """
    walked: set[int] = set()
    while error is not None and id(error) not in walked:
        walked.add(id(error))
        yield error
        told = (part for part in error.args if isinstance(part, BaseException))
        error = error.__cause__ or error.__context__ or next(told, None)
