"""The run role as people run it: people are told, and nothing is told twice after a restart."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from exporter.server import Address
from tests.support.http import request
from tests.support.program import CONSOLE, Daemon, daemon, eventually, tunewatch

ALWAYS = """\
thresholds: {max_gpu_memory_pct: 0}
rules: {gpu_memory_high: {for: 0s, severity: critical}}
"""
FIRED = ("CRITICAL", "gpu_memory_high · GPU 0 on node-1 · #1")
ENDED = ("RESOLVED", FIRED[1])
FLAGS = ("--nvml.simulate=1", "--node.name=node-1", "--config.file=tunewatch.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a configuration by which every GPU is too full."""
    (tmp_path / "tunewatch.yaml").write_text(ALWAYS)
    return tmp_path


def told(folder: Path) -> list[tuple[str, str]]:
    """Return the first word and the identity of all messages on the console; texts are indented."""
    blocks = re.split(r"\n\n(?=\S)", (folder / CONSOLE).read_text().strip())
    return [(block.split(":")[0], block.splitlines()[-1].strip()) for block in blocks if block]


def firing(address: Address) -> list[str]:
    alerts = json.loads(request(address, "/api/v1/alerts").body)
    assert alerts["run_role"]
    return [alert["rule"] for alert in alerts["alerts"] if alert["state"] == "firing"]


def test_people_are_told_once_across_a_restart_and_a_change_of_mind(folder: Path) -> None:
    state = folder / ".local/state/tunewatch/state.json"
    with daemon(*FLAGS, cwd=folder) as first:
        address = first.address()
        eventually(lambda: told(folder) == [FIRED])
        page = request(address, "/metrics").text
        assert "\ntunewatch_leader 1.0\n" in page
        assert '\ntunewatch_source_up{source="mlflow"} 0.0\n' in page
        assert first.end() < 2
    assert first.process.returncode == 0
    assert state.stat().st_mode & 0o777 == 0o600
    assert json.loads(state.read_text())["fleet"]["alerts"][0]["rule"] == "gpu_memory_high"

    with daemon(*FLAGS, cwd=folder) as second:
        address = second.address()
        eventually(lambda: request(address, "/-/ready").status == 200)
        assert firing(address) == ["gpu_memory_high"]
        (folder / "tunewatch.yaml").write_text("thresholds: {}")
        assert request(address, "/-/reload", method="POST").status == 200
        eventually(lambda: len(told(folder)) > 1)
        assert told(folder) == [FIRED, ENDED]
        assert firing(address) == []


def test_state_belongs_to_one_process(folder: Path) -> None:
    with daemon(*FLAGS, cwd=folder) as first:
        first.address()
        second = tunewatch("run", *FLAGS, "--web.listen-address=127.0.0.1:0", cwd=folder)
    assert second.returncode == 1
    assert second.stderr.startswith("tunewatch: another tunewatch process uses the state file ")
    assert second.stderr.endswith("(--state.file)\n")
    assert second.stderr.count("\n") == 1


def test_a_state_file_that_cannot_be_is_one_clear_message(folder: Path) -> None:
    flags = (*FLAGS, "--state.file=tunewatch.yaml/state.json")
    done = tunewatch("run", *flags, "--web.listen-address=127.0.0.1:0", cwd=folder)
    assert done.returncode == 1
    assert done.stderr.startswith("tunewatch: cannot use the state file ")
    assert done.stderr.endswith(": name one that this process may write with --state.file\n")
    assert done.stderr.count("\n") == 1


def test_a_missing_tracking_server_is_said_once_with_its_remedy(folder: Path) -> None:
    with daemon(*FLAGS, cwd=folder) as running:
        address = running.address()
        told = running.until("mlflow is down").string
        assert "set MLFLOW_TRACKING_URI" in told
        eventually(lambda: request(address, "/-/ready").status == 200)
        assert _healthy(running, address)


def _healthy(running: Daemon, address: Address) -> bool:
    return running.process.poll() is None and request(address, "/-/healthy").status == 200
