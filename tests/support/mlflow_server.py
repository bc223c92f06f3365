"""A real `mlflow server` on loopback with SQLite, that can be stopped and started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.demo.child import own_environment
from exporter.demo.loopback import HOST, answers, free_port
from tests.support.processor import seconds_used

PATIENCE = 240.0
ENVIRONMENT = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight more processes
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server differs from the plain one: its Python, database, options and settings.

    Without a `backend` it is the SQLite file `mlflow.db` in the server's folder.
    """

    python: str = sys.executable
    backend: str = ""
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    health: str = "/health"


def make_database(path: Path) -> None:
    """Create an empty, migrated MLflow database, the way MLflow's own client does."""
    from mlflow import MlflowClient  # noqa: PLC0415 - seconds, and only tests of MLflow need it

    MlflowClient(f"sqlite:///{path}").search_experiments()


class MlflowServer:
    """The server with one worker, in its own process group, on a copy of an empty database.

    Without one the server makes its own, which takes some seconds.
    """

    def __init__(
        self, folder: Path, empty_database: Path | None = None, launch: Launch | None = None
    ) -> None:
        self._folder = folder
        self._launch = launch or Launch()
        self.database = folder / "mlflow.db"
        self.backend = self._launch.backend or f"sqlite:///{self.database}"
        if empty_database is not None:
            shutil.copyfile(empty_database, self.database)
        port = free_port(None, usual=0)
        assert port
        self.port = port
        self.uri = f"http://{HOST}:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server without waiting for it."""
        launch = self._launch
        command = [
            *(launch.python, "-m", "mlflow", "server", "--host", HOST, "--port", str(self.port)),
            *("--backend-store-uri", self.backend, "--workers", "1", *launch.options),
            *("--default-artifact-root", str(self._folder / "artifacts")),
        ]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=own_environment(os.environ) | ENVIRONMENT | dict(launch.environment),
                start_new_session=True,
            )

    def wait(self) -> None:
        """Return when the server answers; raises RuntimeError with its log if it never does."""
        deadline = time.monotonic() + PATIENCE
        while not answers(self.port, self._launch.health):
            if time.monotonic() > deadline or self._process is None or self._process.poll():
                raise RuntimeError(self.log)
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server and everything it started."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    @property
    def running(self) -> bool:
        """Whether the server was started and not stopped since."""
        return self._process is not None

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return (self._folder / "server.log").read_text(encoding="utf-8")

    def cpu_seconds(self) -> float:
        """Return the CPU time that the server and its worker have used."""
        assert self._process is not None
        return sum(map(seconds_used, [self._process.pid, *_children(self._process.pid)]))


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [grandchild for child in map(int, tasks) for grandchild in (child, *_children(child))]
