"""A kubelet for benchmarks: a full node whose GPUs are in use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.simulation import SimulatedGpus
from tests.support.kubelet import Container, Kubelet, Pod, serving

PODS = 110
"""As many as the kubelet allows on a node by itself."""


@contextmanager
def busy_kubelet(folder: Path, gpus: int) -> Iterator[Path]:
    """Serve a node of which one pod after another holds a GPU; yields the socket."""
    kubelet, machine, socket = Kubelet(), SimulatedGpus(gpus), folder / "kubelet.sock"
    kubelet.pods = [
        Pod("team", f"pod-{number}", [Container("main", _devices(machine, number), cpus=range(8))])
        for number in range(PODS)
    ]
    with serving(kubelet, socket):
        yield socket


def _devices(machine: SimulatedGpus, number: int) -> dict[str, list[str]]:
    return {"nvidia.com/gpu": [machine.gpu(number).uuid]} if number < machine.count else {}
