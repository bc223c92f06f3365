"""Pods in the daemon as people run it: on where the kubelet is, off where it is not."""

from __future__ import annotations

import json
from pathlib import Path

from exporter.simulation import SimulatedGpus
from exporter.snapshot import PodUse
from tests.support.http import request
from tests.support.kubelet import Container, Kubelet, Pod
from tests.support.program import daemon, eventually, tunewatch

NODE = ("--no-collector.mlflow", "--nvml.simulate", "2")


def test_a_node_shows_who_holds_its_gpus(
    kubelet: Kubelet, socket_path: Path, tmp_path: Path
) -> None:
    gpu = SimulatedGpus(2).gpu(0).uuid
    containers = [Container("trainer", {"nvidia.com/gpu": [gpu, "nvidia1"]})]
    kubelet.pods = [Pod("ml", 'train-"0"', containers)]
    with daemon(*NODE, "--pods.socket", str(socket_path), cwd=tmp_path) as running:
        address = running.address()

        def page() -> str:
            return request(address, "/metrics").text

        eventually(lambda: "nvidia_gpu_pod_info{" in page())
        assert (
            f'nvidia_gpu_pod_info{{uuid="{gpu}",workload_container="trainer",'
            'workload_namespace="ml",workload_pod="train-\\"0\\""} 1.0'
        ) in page()
        assert 'tunewatch_source_up{source="pods"} 1.0' in page()
        report = json.loads(request(address, "/api/v1/node").body)
        assert list(PodUse(gpu, "ml", 'train-"0"', "trainer")) in report["uses"]


def test_a_machine_without_a_kubelet_has_no_such_source(tmp_path: Path) -> None:
    with daemon(*NODE, "--pods.socket", "nowhere", cwd=tmp_path) as running:
        address = running.address()
        eventually(lambda: request(address, "/-/ready").status == 200)
        assert 'source="pods"' not in request(address, "/metrics").text


def test_who_asks_for_pods_is_told_that_there_is_no_kubelet(tmp_path: Path) -> None:
    arguments = ("--collector.pods", "--pods.socket", "nowhere")
    with daemon(*NODE, *arguments, cwd=tmp_path) as running:
        address = running.address()
        eventually(lambda: request(address, "/-/ready").status == 200)
        page = request(address, "/metrics").text
        assert 'tunewatch_source_up{source="pods"} 0.0' in page
        assert "tunewatch_pod_devices_unresolved" not in page


def test_processes_without_gpus_are_refused(tmp_path: Path) -> None:
    done = tunewatch(
        *("run", "--no-collector.mlflow", "--no-collector.nvml", "--collector.processes"),
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "--collector.processes adds up what --collector.nvml reads, which is off" in done.stderr
