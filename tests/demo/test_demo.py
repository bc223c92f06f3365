"""The demonstration as a person sees it: alerts on the console, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.demo.loopback import HOST

# A real MLflow server starts in ten seconds on an idle machine, in many more on a busy one.
pytestmark = pytest.mark.timeout(240)

# On a slow machine a run has ended before its alert is sent: then one message says both.
TITLE = re.compile(
    r"^(?:(?:CRITICAL|WARNING): .*|FIRED AND RESOLVED: .* \((?:critical|warning)\))$", re.MULTILINE
)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the demonstration; its temporary folder and its home lie in `folder`."""
    return subprocess.Popen(
        [sys.executable, "-m", "exporter", "demo", *arguments],
        env={**os.environ, "TMPDIR": str(folder), "HOME": str(folder), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def processes_that_mention(text: str) -> list[int]:
    """Return the ids of all processes that have `text` in their command line."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in file.read_bytes():
                found.append(int(file.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def read_until(text: str, demo: subprocess.Popen[str]) -> None:
    assert demo.stdout
    assert any(text in line for line in demo.stdout), f"it ended before it said {text!r}"


def assert_nothing_is_left(folder: Path) -> None:
    assert not list(folder.iterdir())
    assert not processes_that_mention(str(folder))


def test_it_plays_tells_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with start(tmp_path, "--once", "--duration", "12") as demo:
        output, _ = demo.communicate()
    assert demo.returncode == 0, output
    # Every story that goes wrong is told, and the one that goes well is not.
    titles = "\n".join(TITLE.findall(output))
    for run in ("nan-default-filter", "diverging-warmup", "overfit"):
        assert run in titles, output
    assert "healthy" not in titles, output
    assert_nothing_is_left(tmp_path)


@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGINT, "run nan-default-filter begins"), (signal.SIGTERM, "waiting for MLflow")],
)
def test_a_signal_ends_everything_at_any_moment(
    tmp_path: Path, number: signal.Signals, moment: str
) -> None:
    with start(tmp_path) as demo:
        read_until(moment, demo)
        assert processes_that_mention(str(tmp_path))
        demo.send_signal(number)
        output, _ = demo.communicate()
    assert demo.returncode == 0, output
    assert "nothing is left behind" in output
    assert_nothing_is_left(tmp_path)


def test_the_death_of_a_child_is_told_and_ends_everything(tmp_path: Path) -> None:
    with start(tmp_path) as demo:
        read_until("waiting for MLflow", demo)
        for process in processes_that_mention(f"{tmp_path}/"):
            os.kill(process, signal.SIGKILL)
        output, _ = demo.communicate()
    assert demo.returncode == 1, output
    assert "the MLflow server ended with status -9" in output
    assert_nothing_is_left(tmp_path)


def test_a_port_in_use_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = str(taken.getsockname()[1])
        with start(tmp_path, "--port", port) as demo:
            output, _ = demo.communicate()
    assert demo.returncode == 1
    assert output == f"demo: port {port} is in use: choose another with --port, or leave it out\n"
    assert_nothing_is_left(tmp_path)
