"""From the tags of a run to its GPUs, in the daemon as people run it on one machine."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from exporter.simulation import SimulatedGpus
from tests.support.http import request
from tests.support.kubelet import Container, Kubelet, Pod, serving
from tests.support.program import CONSOLE, daemon, eventually

IN_A_POD = {"k8s.namespace": "ml", "k8s.pod": "train-0", "k8s.node": "node-1", "k8s.job": "sft"}
ON_A_WORKSTATION = {"tunewatch.gpus": "1"}


def begin(store: str, name: str, tags: dict[str, str]) -> str:
    """Log what a Trainer run does that has just lost its numbers; returns the run's id."""
    client, now = MlflowClient(store), int(1000 * time.time())
    run_id: str = client.create_run("0", now - 60_000, tags, name).info.run_id
    client.log_param(run_id, "transformers_version", "4.57")
    for step, loss in enumerate((1.0, 0.9, float("nan")), start=1):
        client.log_metric(run_id, "loss", loss, now - 30_000 + step, step)
    return run_id


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a short path, as sockets need it."""
    return tmp_path_factory.mktemp("a")


@pytest.mark.long
@pytest.mark.timeout(300)
def test_runs_are_joined_with_their_gpus_and_messages_say_so(folder: Path) -> None:
    store, socket, kubelet = f"sqlite:///{folder / 'mlflow.db'}", folder / "k.sock", Kubelet()
    (folder / "tunewatch.yaml").write_text(f"mlflow: {{tracking_uri: '{store}', interval: 1s}}\n")
    first, second = (SimulatedGpus(2).gpu(index).uuid for index in (0, 1))
    kubelet.pods = [Pod("ml", "train-0", [Container("trainer", {"nvidia.com/gpu": [first]})])]
    begun = {
        begin(store, "in-a-pod", IN_A_POD): first,
        begin(store, "on-a-workstation", ON_A_WORKSTATION): second,
    }
    flags = ("--nvml.simulate=2", "--node.name=node-1", f"--pods.socket={socket}")
    with (
        serving(kubelet, socket),
        daemon(*flags, "--config.file=tunewatch.yaml", cwd=folder) as running,
    ):
        address = running.address()

        def joined() -> dict[str, str]:
            page = request(address, "/metrics").text
            pattern = r'^tunewatch_run_gpu_info{.*run_id="(\w+)".*uuid="([^"]+)"} 1.0$'
            return dict(re.findall(pattern, page, re.MULTILINE))

        eventually(lambda: joined() == begun)
        page = request(address, "/metrics").text
        console = folder / CONSOLE
        eventually(lambda: console.read_text().count("nonfinite · ") == 2)
    [(job, node, pod)] = re.findall(
        r'^mlflow_run_pod_info{.*job="(.*)",.*namespace="ml",.*node="(.*)",.*pod="(.*)"} 1.0$',
        page,
        re.MULTILINE,
    )
    assert (job, node, pod) == ("sft", "node-1", "train-0")
    assert "kubectl -n ml logs --tail=100 train-0" in console.read_text()
