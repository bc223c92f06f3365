"""The Lease that names the holder of the run role; `kubectl get lease` shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from exporter.kube.errors import NotFound
from exporter.kube.objects import LEASES, Manifest, Objects, edited, version_of
from exporter.leadership import LEASE_SECONDS, Record


class Lease:
    """One Lease, as last read or written here: every write is guarded by what was read.

    Methods raise `KubeError` from `exporter.kube.errors`: Conflict where the Lease has changed
    since it was read. `now` is in Unix seconds and only for people to read.
    """

    def __init__(self, objects: Objects, name: str, identity: str) -> None:
        self.identity = identity
        self.name = name
        self._objects = objects
        self._last: Manifest | None = None

    def __str__(self) -> str:
        """Name it as kubectl does."""
        return f"lease {self._objects.namespace or '?'}/{self.name}"

    def read(self, *, timeout: float | None = None) -> Record | None:
        """Return what the Lease says, None where there is none."""
        try:
            self._last = self._objects.get(LEASES, self.name, timeout=timeout)
        except NotFound:
            self._last = None
            return None
        return _record(self._last)

    def create(self, duration: int, now: float) -> Record:
        """Write a Lease that names this process; raises Conflict where there is one by now."""
        manifest = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.name,
            "metadata": {"name": self.name, "namespace": self._objects.namespace},
            "spec": self._spec(duration, now, acquired=_micro_time(now), transitions=0),
        }
        self._last = self._objects.create(LEASES, manifest)
        return _record(self._last)

    def acquire(self, duration: int, now: float) -> Record:
        """Put the name of this process into the Lease that was last read."""
        before = self._before()
        moved = _record(before).holder != self.identity
        transitions = _record(before).transitions + moved
        return self._replace(
            self._spec(duration, now, acquired=_micro_time(now), transitions=transitions)
        )

    def renew(self, duration: int, now: float) -> Record:
        """Say again that this process holds the Lease."""
        spec = self._before()["spec"]
        return self._replace(
            self._spec(
                duration,
                now,
                acquired=spec.get("acquireTime") or _micro_time(now),
                transitions=_record(self._before()).transitions,
            )
        )

    def release(self, now: float, *, timeout: float | None = None) -> Record:
        """Take the name of this process out, as client-go does, so that others need not wait."""
        spec = {
            "holderIdentity": "",
            "leaseDurationSeconds": 1,
            "acquireTime": _micro_time(now),
            "renewTime": _micro_time(now),
            "leaseTransitions": _record(self._before()).transitions,
        }
        return self._replace(spec, timeout=timeout)

    def _spec(self, duration: int, now: float, *, acquired: str, transitions: int) -> Manifest:
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": duration,
            "acquireTime": acquired,
            "renewTime": _micro_time(now),
            "leaseTransitions": transitions,
        }

    def _before(self) -> Manifest:
        if self._last is None:
            raise RuntimeError("the Lease has not been read yet")
        return self._last

    def _replace(self, spec: Manifest, *, timeout: float | None = None) -> Record:
        manifest = edited(self._before(), spec=spec)
        self._last = self._objects.replace(LEASES, manifest, timeout=timeout)
        return _record(self._last)


def _record(manifest: Manifest) -> Record:
    """Read a Lease that may have been written by anybody: its fields are all optional."""
    spec: dict[str, Any] = manifest.get("spec") or {}
    return Record(
        holder=str(spec.get("holderIdentity") or ""),
        duration=float(spec.get("leaseDurationSeconds") or LEASE_SECONDS),
        transitions=int(spec.get("leaseTransitions") or 0),
        version=version_of(manifest),
    )


def _micro_time(now: float) -> str:
    """Write a time as the API server reads it: with exactly six digits of a second, and Z."""
    return f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
