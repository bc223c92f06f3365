"""One voice for several machines: real processes that answer, hang, die and come."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.server import Address
from tests.support.http import request
from tests.support.program import CONSOLE, Daemon, daemon, eventually, tunewatch

CONFIGURATION = """\
thresholds: {max_gpu_memory_pct: 0}
rules:
  gpu_memory_high: {for: 0s, keep_firing_for: 0s, severity: critical}
  node_silent: {for: 0s, keep_firing_for: 0s, severity: critical}
nvml: {interval: 1s}
"""
NODE_FLAGS = ("--nvml.simulate=1", "--no-collector.mlflow", "--config.file=tunewatch.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tunewatch.yaml").write_text(CONFIGURATION)
    return tmp_path


@pytest.fixture
def port() -> int:
    """Return a port at which nobody listens, whatever the loopback address."""
    with contextlib.closing(socket.create_server(("", 0))) as free:
        number: int = free.getsockname()[1]
        return number


@contextlib.contextmanager
def node(folder: Path, name: str, address: str) -> Iterator[Daemon]:
    flags = (f"--node.name={name}", f"--web.listen-address={address}")
    with daemon(*NODE_FLAGS, *flags, cwd=folder) as process:
        process.address()
        yield process


def titles(folder: Path) -> list[str]:
    return re.findall(r"^[A-Z].*", (folder / CONSOLE).read_text(), re.MULTILINE)


def firing(holder: Address) -> set[tuple[str, str]]:
    """Return the rule and the node of each alert that fires."""
    alerts = json.loads(request(holder, "/api/v1/alerts").body)["alerts"]
    return {(a["rule"], a["subject"]["node"]) for a in alerts if a["state"] == "firing"}


def peers(holder: Address) -> dict[str, str]:
    page = request(holder, "/metrics").text
    return dict(re.findall(r'^tunewatch_peer_up\{peer="([^"]+)"\} (\S+)$', page, re.MULTILINE))


def test_the_holder_alone_speaks_for_nodes_that_hang_die_and_come(folder: Path, port: int) -> None:
    b, c = f"127.0.0.2:{port}", f"127.0.0.3:{port}"
    flags = (
        "--no-collector.nvml",
        "--config.file=tunewatch.yaml",
        "--node.name=holder",
        f"--nodes.address={b},{c}",
    )
    full_b, full_c = ("gpu_memory_high", "node-b"), ("gpu_memory_high", "node-c")
    with node(folder, "node-b", b) as first, daemon(*flags, cwd=folder) as process:
        holder = process.address()
        eventually(lambda: firing(holder) == {full_b})
        eventually(lambda: "CRITICAL: GPU memory high, GPU 0 on node-b" in titles(folder))
        assert peers(holder) == {"node-b": "1.0"}

        # A node that is new is watched from its first answer.
        with node(folder, "node-c", c):
            eventually(lambda: firing(holder) == {full_b, full_c})

            # One that hangs keeps its alerts, and costs the others nothing.
            first.process.send_signal(signal.SIGSTOP)
            eventually(lambda: peers(holder) == {"node-b": "0.0", "node-c": "1.0"})
            eventually(lambda: firing(holder) == {full_b, full_c, ("node_silent", "node-b")})
            assert request(holder, "/-/healthy").status == 200
            first.process.send_signal(signal.SIGCONT)
            eventually(lambda: firing(holder) == {full_b, full_c})

        # One that is killed is silent at its address.
        eventually(lambda: ("node_silent", "node-c") in firing(holder))
        eventually(lambda: "CRITICAL: node silent, node node-c" in titles(folder))
    assert not [line for line in titles(folder) if line.startswith("RESOLVED: GPU")]


def test_a_node_process_says_what_it_observes_and_sends_nothing(folder: Path, port: int) -> None:
    with node(folder, "node-b", f"127.0.0.2:{port}"):
        there = Address("127.0.0.2", port)
        eventually(lambda: json.loads(request(there, "/api/v1/node").body)["gpus"])
        report = json.loads(request(there, "/api/v1/node").body)
        assert (report["version"], report["node"]) == (1, "node-b")
        [gpu] = report["gpus"]
        assert gpu["memory_used_bytes"] > 0
        assert json.loads(request(there, "/api/v1/alerts").body)["run_role"] is False
    assert not titles(folder)


def test_asking_nodes_needs_the_run_role(folder: Path) -> None:
    done = tunewatch("run", *NODE_FLAGS, "--nodes.address=127.0.0.2:1", cwd=folder)
    assert done.returncode == 2
    assert done.stderr == (
        "tunewatch: --nodes.address: only the run role asks other nodes; "
        "leave it out together with --no-collector.mlflow\n"
    )


@pytest.mark.parametrize("text", ["10390", "node:0", "node:port", "http://node:10390", "::1:80"])
def test_an_address_that_is_none_is_one_clear_message(folder: Path, text: str) -> None:
    done = tunewatch("run", f"--nodes.address={text}", cwd=folder)
    assert done.returncode == 2
    assert "should be HOST:PORT, several of them with commas between" in done.stderr
