"""What keeps us from asking the kubelet, in words, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exporter.sources import SourceDown
from exporter.sources.pods.call import NotGrpc, Refused
from exporter.sources.pods.protobuf import Malformed

TROUBLE = (OSError, NotGrpc, Refused, Malformed)
"""What asking may raise."""

_OFF = "or switch this off with --no-collector.pods"
_MISSING = (
    "mount the host's directory /var/lib/kubelet/pod-resources at the same place (the directory:"
    " a kubelet that restarts makes a new socket), or name another with --pods.socket;"
    f" without Kubernetes, {_OFF.removeprefix('or ')}"
)
_FORBIDDEN = (
    f"the socket belongs to root: run this container as user 0 (no capability is needed), {_OFF}"
)
_LATER = "see the kubelet's log on the node if this lasts; it is asked again by itself"
_OTHER = f"check that --pods.socket is the kubelet's pod-resources socket, {_OFF}"
_FOREIGN = "what listens at {path} does not answer as a kubelet: {error}"
_UNIMPLEMENTED = 12
_RESOURCE_EXHAUSTED = 8

_PROBLEMS: Sequence[tuple[type[Exception], str, str]] = (
    (NotGrpc, _FOREIGN, _OTHER),
    (Malformed, _FOREIGN, _OTHER),
    (FileNotFoundError, "the kubelet's socket {path} does not exist", _MISSING),
    (PermissionError, "the kubelet's socket {path} may not be opened", _FORBIDDEN),
    (ConnectionRefusedError, "nobody listens at {path}: the kubelet is down or restarts", _LATER),
    (TimeoutError, "the kubelet does not answer at {path}", _LATER),
    (Exception, "the kubelet cannot be asked at {path}: {error}", _OTHER),
)
"""By kind of error, the first that fits: what is wrong, and the remedy."""


def source_down(error: Exception, path: Path) -> SourceDown:
    """Return the exception that tells what asking at `path` met."""
    if isinstance(error, Refused):
        return _refused(error)
    problem, remedy = next(
        (problem, remedy) for kind, problem, remedy in _PROBLEMS if isinstance(error, kind)
    )
    return SourceDown(problem.format(path=path, error=error), remedy)


def _refused(error: Refused) -> SourceDown:
    if error.status == _UNIMPLEMENTED:
        problem = "the kubelet does not tell who holds which device (pod-resources API v1)"
        return SourceDown(problem, f"use Kubernetes 1.20 or newer, {_OFF}")
    if error.status == _RESOURCE_EXHAUSTED:
        problem = f"the kubelet is asked too often, or has too much to tell: {error.message}"
        return SourceDown(problem, "see who else asks its pod-resources socket")
    return SourceDown(f"the kubelet refuses to answer: {error}", _LATER)
