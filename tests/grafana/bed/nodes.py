"""The pods of tunewatch in the bed: real processes on three machines, one of which has no GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from exporter.demo.loopback import HOST
from exporter.simulation.instances import SimulatedInstance
from tests.grafana.bed import machine
from tests.grafana.bed.cast import CAST, NAMESPACE, Device, Part
from tests.grafana.bed.prometheus import Target
from tests.support.kubelet import Container, Kubelet, Pod, serving
from tests.support.program import Daemon, daemon, environment

CONFIG = "tunewatch.yaml"
MACHINES = {"gpu-1": machine.GPU_1, "gpu-2": machine.GPU_2, "cpu-1": 0}
"""The machine of each node by its number, 0 for the one without a GPU."""


@contextmanager
def running(
    folder: Path, target: Target, others: Sequence[Target], kubeconfig: Path
) -> Iterator[Daemon]:
    """Run a pod that stands for the run role; with the role it asks `others`."""
    node = target.node
    addresses = ",".join(f"{HOST}:{other.port}" for other in others)
    kubelet = (f"--pods.socket={socket(folder, node)}",) if MACHINES[node] else ()
    flags = (
        *(f"--config.file={CONFIG}", "--leader-election", f"--node.name={node}"),
        *(f"--web.listen-address={HOST}:{target.port}", f"--nodes.address={addresses}", *kubelet),
    )
    number = str(MACHINES[node])
    environ = environment(folder, KUBECONFIG=str(kubeconfig), **{machine.MACHINE: number})
    program = (str(machine.__file__),)
    with daemon(*flags, cwd=folder, environ=environ, run=program) as process:
        yield process


def socket(folder: Path, node: str) -> Path:
    """Return where the kubelet of a node listens."""
    return folder / f"{node}.sock"


@contextmanager
def kubelet(folder: Path, node: str) -> Iterator[None]:
    """Serve a node's kubelet, which has given GPUs to the pods of the cast that train there."""
    given = Kubelet()
    given.pods = [_pod(part) for part in CAST if part.node == node]
    with serving(given, socket(folder, node)):
        yield


def _pod(part: Part) -> Pod:
    uuids = [uuid(part.node, device) for device in part.gpus]
    return Pod(NAMESPACE, part.pod, [Container("trainer", {"nvidia.com/gpu": uuids})])


def uuid(node: str, device: Device) -> str:
    """Return the id of a GPU or of a MIG device on a node."""
    gpus = machine.gpus(MACHINES[node])
    if isinstance(device, int):
        return gpus.gpu(device).uuid
    index, *place = device
    slots = gpus.gpu(index).slots or ()
    [slot] = [s for s in slots if s and [s.gpu_instance, s.compute_instance] == place]
    return SimulatedInstance(gpus.gpu(index), slot).uuid
