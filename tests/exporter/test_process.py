"""The daemon as people run it: a real process that serves, reloads and ends."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.server import Address
from tests.support.http import request
from tests.support.program import CONSOLE, Daemon, daemon, environment, eventually, tunewatch

NODE = ("--no-collector.mlflow", "--nvml.simulate", "2")
GOOD = "thresholds: {max_gpu_memory_pct: 90}\n"
BAD = "thresholds: {max_gpu_memory_pct: 900}\n"


def value(address: Address, series: str) -> str | None:
    """Return the value of one series on the page, None where there is no such series."""
    lines = request(address, "/metrics").text.splitlines()
    return next((line.split()[-1] for line in lines if line.startswith(f"{series} ")), None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("node")


@pytest.fixture(scope="module")
def node(folder: Path) -> Iterator[tuple[Daemon, Address]]:
    """Run one node process for the tests that only look at it."""
    with daemon(*NODE, cwd=folder) as running:
        address = running.address()
        eventually(lambda: request(address, "/-/ready").status == 200)
        yield running, address


def test_a_node_serves_its_gpus(node: tuple[Daemon, Address]) -> None:
    _, address = node
    page = request(address, "/metrics").text
    assert page.count("\nnvidia_gpu_memory_used_bytes{") == 2
    assert value(address, 'tunewatch_source_up{source="nvml"}') == "1.0"
    assert value(address, "tunewatch_config_last_reload_successful") == "1.0"
    assert 'simulated="true"' in page
    assert "tunewatch_leader" not in page, "it is no candidate for the run role"
    assert 'source="mlflow"' not in page


def test_a_node_says_that_its_gpus_are_simulated(node: tuple[Daemon, Address]) -> None:
    node[0].until("GPUs are simulated")


def test_a_node_answers_every_page(node: tuple[Daemon, Address]) -> None:
    _, address = node
    assert request(address, "/-/healthy").text == "healthy\n"
    assert "tunewatch" in request(address, "/").text
    alerts = json.loads(request(address, "/api/v1/alerts").body)
    assert alerts == {"run_role": False, "alerts": []}


@pytest.mark.usefixtures("node")
def test_a_node_keeps_no_state(folder: Path) -> None:
    assert [path.name for path in folder.iterdir()] == [CONSOLE]
    assert (folder / CONSOLE).read_text() == ""


def test_a_port_that_is_taken_is_one_clear_message(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = tunewatch("run", *NODE, "--web.listen-address", address, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"tunewatch: cannot listen on {address}: Address already in use: stop the program that "
        "listens there, or choose another port with --web.listen-address\n"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_two_seconds(tmp_path: Path, number: signal.Signals) -> None:
    with daemon(*NODE, cwd=tmp_path) as running:
        running.address()
        assert running.end(number) < 2
        running.until(f"stopping: {number.name}")
        assert running.process.returncode == 0


def test_the_configuration_follows_its_file_and_who_asks(tmp_path: Path) -> None:
    file = tmp_path / "tunewatch.yaml"
    file.write_text(GOOD)
    with daemon(*NODE, f"--config.file={file}", cwd=tmp_path) as running:
        address = running.address()
        successful = "tunewatch_config_last_reload_successful"

        assert request(address, "/-/reload", method="POST").text == "configuration reloaded\n"
        running.until("configuration [0-9a-f]{12} is in force")

        file.write_text(BAD)
        refused = request(address, "/-/reload", method="POST")
        assert refused.status == 500
        assert refused.text.startswith(f"{file}:1: thresholds.max_gpu_memory_pct: should be less")
        assert value(address, successful) == "0.0"
        running.until("level=error .*the configuration before stays in force")

        running.process.send_signal(signal.SIGHUP)
        running.until("level=error .*the configuration before stays in force")

        file.write_text(GOOD.replace("90", "91"))
        running.process.send_signal(signal.SIGHUP)
        other = running.until("configuration ([0-9a-f]{12}) is in force")[1]
        assert value(address, f'tunewatch_config_info{{hash="{other}"}}') == "1.0"
        assert value(address, successful) == "1.0"

        file.write_text(GOOD)
        again = running.until("configuration ([0-9a-f]{12}) is in force")[1]
        assert again != other, "a changed file needs nobody to ask"
        assert running.process.poll() is None


def test_log_lines_can_be_for_machines(tmp_path: Path) -> None:
    environ = environment(tmp_path, TUNEWATCH_LOG_FORMAT="json")
    with daemon(*NODE, cwd=tmp_path, environ=environ) as running:
        running.until("serves http://")
        running.end()
    assert all(json.loads(line)["level"] for line in running.lines)


HEAVY = ("mlflow", "apprise", "kubernetes", "alerts.engine", "exporter.sources.mlflow")
SPY = f"""
import sys
from exporter import cli, daemon

def spy(code):
    found = [name for name in {HEAVY!r} if name in sys.modules]
    sys.stderr.write(f"imported: {{found}}\\n")
    sys.stderr.flush()
    real(code)

real = daemon.exit_now
daemon.exit_now = spy
sys.exit(cli.main())
"""


def test_a_node_never_imports_what_only_the_run_role_needs(tmp_path: Path) -> None:
    with daemon(*NODE, cwd=tmp_path, run=("-c", SPY)) as running:
        address = running.address()
        eventually(lambda: request(address, "/-/ready").status == 200)
        request(address, "/metrics")
        request(address, "/-/reload", method="POST")
        running.end()
        assert running.until(r"imported: (.*)")[1] == "[]"
