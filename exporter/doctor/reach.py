"""Whether the tracking server answers, asked without credentials, since a file names it."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from http.client import HTTPException
from urllib.parse import urlsplit, urlunsplit

from exporter.doctor.checks.tracking import LOOPBACK, URI
from exporter.doctor.finding import Level, Place, Remark, shown
from exporter.doctor.training import Training

NAME = "mlflow-reachable"
LEVEL = Level.WARNING
ASKS = "a tracking server that answers from here, unless `--offline`; no credentials are sent"
TIMEOUT_SECONDS = 5.0
INSIDE = (".svc", ".svc.cluster.local")
"""Ends of names that only a cluster resolves."""


def reach(trainings: Iterable[Training], environ: Mapping[str, str]) -> Iterator[Remark]:
    """Ask every server once; that of `environ` where no manifest names one."""
    places: dict[str, Place] = {}
    for training in trainings:
        uri, place = _named(training, environ)
        address = _address(uri)
        # In a pod that is the pod itself, of which another check speaks.
        if address and not (training.workload and _host(address) in LOOPBACK):
            places.setdefault(address, place)
    for address, place in places.items():
        yield from _asked(address, place)


def _named(training: Training, environ: Mapping[str, str]) -> tuple[str, Place]:
    variable = training.environment.get(URI)
    if variable is not None:
        return variable.value or "", variable.place
    return "" if training.workload else environ.get(URI, ""), training.place


def _address(uri: str) -> str:
    """Return where the server says how it is, without a user; empty for what is no server."""
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host or not uri.isprintable():
        return ""
    name = f"[{host}]" if ":" in host else host
    where = f"{name}:{port}" if port else name
    return urlunsplit((parts.scheme, where, parts.path.rstrip("/") + "/health", "", ""))


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""


def _asked(address: str, place: Place) -> Iterator[Remark]:
    host = _host(address)
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS):  # noqa: S310 - http and https only
            return
    except urllib.error.HTTPError as error:
        error.close()
        # Whoever asks for a password, or knows no such page, is there.
        if error.code < 500:
            return
        problem = f"answers {error.code}"
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, socket.gaierror) and (host.endswith(INSIDE) or "." not in host):
            what = (
                f"the name {shown(host)} is known only inside the cluster, so MLflow was not asked"
            )
            yield Remark(place, Level.NOTE, what, "ask from a pod, or give --offline")
            return
        problem = f"does not answer ({getattr(reason, 'strerror', None) or reason})"
    remedy = "start it, correct the address, or give --offline"
    yield Remark(place, LEVEL, f"MLflow at {shown(host)} {problem}", remedy)
