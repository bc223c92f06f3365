"""What a process does not need it does not load: memory, and one door less to the outside."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from exporter.demo.loopback import HOST, answers, free_port

HEAVY = {
    *("mlflow", "apprise", "kubernetes", "sqlalchemy", "pandas", "numpy", "h2", "hpack", "grpc"),
    "prometheus_client",
}
OPTIONAL = ("exporter.metrics.dcgm", "exporter.simulation.capture")
"""Modules of our own for what is asked for."""
PATIENCE = 30.0


def packages(import_log: str) -> set[str]:
    """Return the top-level packages in what `python -X importtime` wrote."""
    lines = [line for line in import_log.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def python(*arguments: str) -> list[str]:
    return [sys.executable, "-X", "importtime", *arguments]


def test_a_command_that_answers_at_once_loads_nothing_heavy() -> None:
    command = python("-m", "exporter", "--version")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = packages(done.stderr)
    assert "exporter" in found
    assert not found & (HEAVY | {"pynvml", "cheroot"})


def test_a_process_without_the_run_role_loads_neither_mlflow_nor_apprise(tmp_path: Path) -> None:
    port = free_port(None, usual=0)
    assert port
    command = python(
        *("-m", "exporter", "run", "--no-collector.mlflow", "--nvml.simulate", "1"),
        *("--web.listen-address", f"{HOST}:{port}", "--state.file", str(tmp_path / "state.json")),
    )
    with (tmp_path / "log").open("w") as log, subprocess.Popen(command, stderr=log) as process:
        deadline = time.monotonic() + PATIENCE
        while not (ready := answers(port, "/-/ready")) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
    imported = (tmp_path / "log").read_text()
    found = packages(imported)
    assert ready
    assert {"exporter", "pynvml", "cheroot"} <= found
    assert not found & HEAVY
    assert not [name for name in OPTIONAL if name in imported]
