"""Real programs beside one another on loopback: started, awaited, and ended by their ids."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.demo.loopback import answers, free_port
from grafana.stack.programs import alertmanager_command
from tests.support.program import environment
from tests.support.promtool import program

STARTS_WITHIN = 30.0
ENDS_WITHIN = 10.0


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for the length of the block; what it says goes into a file."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env=environment(log.parent),
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def alertmanager() -> Sequence[str]:
    """Return how Alertmanager is started, or skip the test and say what is missing."""
    command = alertmanager_command(program("prometheus-alertmanager", "prometheus-alertmanager"))
    if command is None:
        pytest.skip("no namespaces: install Debian's package prometheus-alertmanager")
    return command


def port() -> int:
    """Return a loopback port that nobody uses."""
    found = free_port(None, usual=0)
    assert found is not None
    return found


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        time.sleep(0.1)


def until_answers(at: int, path: str, log: Path) -> None:
    """Wait until a server has started."""
    deadline = time.monotonic() + STARTS_WITHIN
    while not answers(at, path):
        assert time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
        time.sleep(0.1)
