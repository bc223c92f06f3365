"""Run, pod and GPU joined by the documented lines of PromQL, in a real Prometheus."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from alerts.view import AlertsView, RunView
from exporter.demo.loopback import HOST, free_port
from exporter.metrics import alerting, gpu, pods, runs
from exporter.metrics.encoding import Format, encode
from exporter.metrics.family import Family
from exporter.simulation import SimulatedGpus, SimulatedLibrary, installed
from exporter.snapshot import Gpus, Run, Runs
from exporter.sources import pods as package
from exporter.sources.nvml import NvmlSource
from exporter.sources.pods import PodsSource
from tests.support.engine import run_facts
from tests.support.kubelet import Container, Kubelet, Pod, serving
from tests.support.promtool import program

README = Path(package.__file__).with_name("README.md")
BY_POD, BY_RUN, IDLE = re.findall(
    r"^```promql\n(.*?)\n```$", README.read_text(), re.MULTILINE | re.DOTALL
)
PATIENCE = 60.0
NOW = 1_760_000_000.0
TAGS = {"k8s.namespace": "ml", "k8s.pod": "train-0", "k8s.node": "node-1"}

Answer = list[tuple[Mapping[str, str], float]]


class Serving(BaseHTTPRequestHandler):
    """Serves the page of its server."""

    server: Server

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", Format.TEXT.value)
        self.end_headers()
        self.wfile.write(self.server.page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it was declared
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, families: Iterable[Family]) -> None:
        super().__init__((HOST, 0), Serving)
        self.page = encode(families, Format.TEXT).text
        Thread(target=self.serve_forever, daemon=True).start()


@contextmanager
def prometheus(folder: Path, servers: Mapping[str, Server]) -> Iterator[str]:
    """Run Prometheus on these targets by job; yields its address."""
    targets = [
        {
            "job_name": job,
            "static_configs": [
                {"targets": [f"{HOST}:{server.server_port}"], "labels": {"node": f"of-{job}"}}
            ],
        }
        for job, server in servers.items()
    ]
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": targets}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port(None, usual=0)
    command = [
        program("prometheus", "prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={HOST}:{port}",
        "--log.level=error",
    ]
    with subprocess.Popen(command) as process:
        try:
            yield f"http://{HOST}:{port}"
        finally:
            process.terminate()


def ask(address: str, query: str) -> Answer:
    """Ask until there is an answer."""
    url = f"{address}/api/v1/query?{urlencode({'query': query})}"
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with urlopen(url, timeout=PATIENCE) as response:
                found = json.load(response)["data"]["result"]
        except OSError:
            found = []
        if found:
            return [(one["metric"], float(one["value"][1])) for one in found]
        time.sleep(0.2)
    raise AssertionError(f"no answer to {query}")


def run(run_id: str) -> Run:
    return Run(run_id, f"name-{run_id}", "sft", "1", "", "RUNNING", NOW, None, (), tags=TAGS)


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Gpus, list[Family]]:
    """Return three GPUs and the page of their node: two in one pod, one shared by two others."""
    with installed(SimulatedLibrary(SimulatedGpus(3, clock=lambda: NOW))):
        gpus = NvmlSource(simulated=True).collect(NOW)
    first, second, third = (found.uuid for found in gpus.gpus)
    kubelet, socket = Kubelet(), tmp_path_factory.mktemp("k") / "kubelet.sock"
    kubelet.pods = [
        Pod("ml", "train-0", [Container("trainer", {"nvidia.com/gpu": [first, second]})]),
        Pod("ml", "other", [Container("trainer", {"nvidia.com/gpu.shared": [f"{third}::0"]})]),
        Pod("lab", "train-0", [Container("trainer", {"nvidia.com/gpu.shared": [f"{third}::1"]})]),
    ]
    with serving(kubelet, socket):
        held = PodsSource(lambda: gpus, socket).collect(NOW)
    return gpus, [*gpu.families(gpus), *pods.families(held)]


def test_the_documented_lines_join_runs_with_their_gpus(
    machine: tuple[Gpus, list[Family]], tmp_path: Path
) -> None:
    gpus, node_page = machine
    first, second, _ = gpus.gpus
    # A run and its evaluation afterwards share a pod: two runs on the same two GPUs.
    facts = [run_facts(run_id, name=f"name-{run_id}", experiment="sft") for run_id in ("a", "b")]
    view = AlertsView(
        runs=tuple(RunView(one, (), None, (), 0.0, 0.0) for one in facts),
        devices={one.run_id: (first.uuid, second.uuid) for one in facts},
    )
    holder_page = [*runs.families(Runs((run("a"), run("b")))), *alerting.families(view)]
    servers = {"node": Server(node_page), "holder": Server(holder_page)}
    with prometheus(tmp_path, servers) as address:
        by_pod, by_run = ask(address, BY_POD), ask(address, BY_RUN)
        held = ask(address, IDLE.replace("== 0", ">= 0"))
    assert first.utilization is not None
    assert second.utilization is not None
    mean = (first.utilization + second.utilization) / 2
    assert {labels["run_id"]: value for labels, value in by_pod} == {"a": mean, "b": mean}
    assert {labels["run_name"] for labels, _ in by_pod} == {"name-a", "name-b"}
    assert {(labels["run_id"], labels["gpu"]): value for labels, value in by_run} == {
        ("a", "0"): first.utilization,
        ("a", "1"): second.utilization,
        ("b", "0"): first.utilization,
        ("b", "1"): second.utilization,
    }
    assert len(held) == 4
