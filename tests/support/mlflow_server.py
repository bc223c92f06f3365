"""A real `mlflow server` on loopback with SQLite, that can be stopped and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from exporter.demo.child import own_environment
from exporter.demo.loopback import HOST, answers, free_port

PATIENCE = 60.0
ENVIRONMENT = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight more processes
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def make_database(path: Path) -> None:
    """Create an empty, migrated MLflow database, the way MLflow's own client does."""
    from mlflow import MlflowClient  # noqa: PLC0415 - seconds, and only tests of MLflow need it

    MlflowClient(f"sqlite:///{path}").search_experiments()


class MlflowServer:
    """The server with one worker, in its own process group, on a copy of an empty database."""

    def __init__(self, folder: Path, empty_database: Path) -> None:
        self._folder = folder
        self.database = folder / "mlflow.db"
        shutil.copyfile(empty_database, self.database)
        port = free_port(None, usual=0)
        assert port
        self.port = port
        self.uri = f"http://{HOST}:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server without waiting for it."""
        command = [
            *(sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(self.port)),
            *("--backend-store-uri", f"sqlite:///{self.database}", "--workers", "1"),
            *("--default-artifact-root", str(self._folder / "artifacts")),
        ]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=own_environment(os.environ) | ENVIRONMENT,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Return when the server answers; raises RuntimeError with its log if it never does."""
        deadline = time.monotonic() + PATIENCE
        while not answers(self.port, "/health"):
            if time.monotonic() > deadline or self._process is None or self._process.poll():
                raise RuntimeError((self._folder / "server.log").read_text(encoding="utf-8"))
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server and everything it started."""
        if self._process is None:
            return
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def cpu_seconds(self) -> float:
        """Return the CPU time that the server and its worker have used."""
        assert self._process is not None
        pids = [self._process.pid, *_children(self._process.pid)]
        ticks = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
        return sum(int(f[11]) + int(f[12]) for f in ticks) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [grandchild for child in map(int, tasks) for grandchild in (child, *_children(child))]
