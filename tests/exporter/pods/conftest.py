"""A kubelet on a unix socket, and a source that asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.snapshot import Gpus
from exporter.sources.pods import PodsSource
from tests.support.kubelet import Kubelet, serving

PATIENCE = 20.0


@pytest.fixture
def socket_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where a kubelet may listen: a path that is short, as sockets need it."""
    return tmp_path_factory.mktemp("k") / "kubelet.sock"


@pytest.fixture
def kubelet(socket_path: Path) -> Iterator[Kubelet]:
    """Run a kubelet that has no pods yet."""
    kubelet = Kubelet()
    with serving(kubelet, socket_path):
        yield kubelet


MakeSource = Callable[..., PodsSource]


@pytest.fixture
def make_source(socket_path: Path) -> MakeSource:
    """Return a way to make a source, given the reading of GPUs."""

    def make(gpus: Gpus | None = None, timeout: float = PATIENCE) -> PodsSource:
        return PodsSource(lambda: gpus, socket_path, timeout=timeout)

    return make
