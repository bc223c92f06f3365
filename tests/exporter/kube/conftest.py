"""A cluster on loopback, processes that compete in it, and a clock that the test turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.kube.client import Client
from exporter.kube.elector import Elector
from exporter.kube.lease import Lease
from exporter.kube.objects import Kind, Manifest
from exporter.leadership import Timing
from tests.support.kube_api import KubeApi, serving_kube_api


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with serving_kube_api() as served:
        yield served


class Clock:
    """A boot clock, in seconds."""

    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Wire:
    """The way to the API server, where the test can let things happen; `Objects`."""

    def __init__(self, client: Client) -> None:
        self.before: Callable[[str], None] = lambda _method: None
        self.after: Callable[[str], None] = lambda _method: None
        self.patience: float | None = None
        """For how many seconds a request may take, if less than usual."""
        self._client = client

    @property
    def namespace(self) -> str:
        return self._client.namespace

    def get(self, kind: Kind, name: str, *, timeout: float | None = None) -> Manifest:
        self.before("get")
        answer = self._client.get(kind, name, timeout=timeout or self.patience)
        self.after("get")
        return answer

    def create(self, kind: Kind, manifest: Manifest, *, timeout: float | None = None) -> Manifest:
        self.before("create")
        answer = self._client.create(kind, manifest, timeout=timeout or self.patience)
        self.after("create")
        return answer

    def replace(self, kind: Kind, manifest: Manifest, *, timeout: float | None = None) -> Manifest:
        self.before("replace")
        answer = self._client.replace(kind, manifest, timeout=timeout or self.patience)
        self.after("replace")
        return answer


class Member:
    """One process that competes; `events` are what it was told."""

    def __init__(self, wire: Wire, name: str, clock: Clock, duration: float) -> None:
        self.wire = wire
        self.events: list[str] = []
        lease = Lease(wire, "tunewatch", name)
        self.elector = Elector(lease, Timing(duration), clock=clock, chance=lambda: 0.0)
        self.elector.on_gain = lambda: self.events.append("gain")
        self.elector.on_loss = lambda: self.events.append("loss")
        self.elector.wake = lambda: self.events.append("wake")

    def tick(self) -> float:
        return self.elector.tick(time.time())

    def holds(self) -> bool:
        return self.elector.holds()


Wired = Callable[[str], Wire]


@pytest.fixture
def wired(api: KubeApi, tmp_path: Path) -> Wired:
    """Lead a user's way to the API server; a request may take as long as a slow machine needs."""

    def wiring(name: str) -> Wire:
        environ = {"KUBECONFIG": str(api.kubeconfig(tmp_path, name))}
        return Wire(Client(environ, namespace="", service_account=tmp_path, timeout=60.0))

    return wiring


Join = Callable[..., Member]


@pytest.fixture
def join(wired: Wired, clock: Clock) -> Join:
    """Let a process with a name of its own compete, by a lease of 15 s unless said otherwise."""
    return lambda name, duration=15.0: Member(wired(name), name, clock, duration)
