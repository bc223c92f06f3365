"""A program that the demonstration starts and, whatever happens, ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

FOREIGN_SETTINGS = ("MLFLOW_", "TUNEWATCH_", "GF_")
STOP_SECONDS = 8.0
GONE_SECONDS = 2.0


def module(name: str, *arguments: str) -> list[str]:
    """Return the command that runs a Python module of our own environment."""
    return [sys.executable, "-m", name, *arguments]


class Child:
    """A program in a process group of its own, which ends as a whole.

    Its output goes to the file `log`, or where ours goes without one.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        settings: Mapping[str, str],
        log: Path | None = None,
    ) -> None:
        self.name = name
        self._log = log
        with contextlib.ExitStack() as stack:
            output = None if log is None else stack.enter_context(log.open("wb"))
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                command,
                cwd=folder,
                env={**own_environment(os.environ), **settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                start_new_session=True,
            )

    def ended(self) -> bool:
        """Whether the program has ended by itself."""
        return self._process.poll() is not None

    def epitaph(self) -> str:
        """Say how the program ended, with its last words where they are not on the console."""
        words = f"{self.name} ended with status {self._process.returncode}"
        if self._log is None:
            return words
        lines = self._log.read_text(errors="replace").splitlines()[-15:]
        return "\n".join([f"{words}; its last words:", *(f"    {line}" for line in lines)])

    def stop(self) -> None:
        """End the program and all that it started: first by request, then by force."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self._signal(signal.SIGKILL)
        self._process.wait()
        # Its own children may take a moment longer; then nothing writes into the folder any more.
        deadline = time.monotonic() + GONE_SECONDS
        while self._signal(0) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _signal(self, number: int) -> bool:
        """Send a signal to the group; return whether there was anybody left in it."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
            return False
        return True


def own_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without settings made for a real MLflow, Grafana, channel or proxy.

    A demonstration must not tell people, send credentials or be diverted by a proxy.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(FOREIGN_SETTINGS) and not name.lower().endswith("_proxy")
    }
    return kept | {"PYTHONUNBUFFERED": "1", "NO_PROXY": "*"}
