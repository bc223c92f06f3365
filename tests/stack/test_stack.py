"""The stack as a person starts it: alerts come by mail and webhook, and nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.promtool import program
from tests.support.stack import alertmanager

# Four real programs start one after another: seconds on an idle machine, many more on a busy one.
pytestmark = pytest.mark.timeout(300)

TOLD = {
    "mail": re.compile(r"^stack: mail: \[FIRING CRITICAL\] .*nan-default-filter"),
    "webhook": re.compile(r"^stack: webhook: Alertmanager's watchdog calls"),
}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The program with its temporary folder and its home in `tmp_path`."""
    program("prometheus", "prometheus")
    alertmanager()
    process = subprocess.Popen(
        [sys.executable, "-m", "grafana.stack", "--duration", "60"],
        env={**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        yield process
        process.terminate()


def mentions(text: str) -> list[Path]:
    """Return all processes that have `text` in their command line."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in file.read_bytes():
                found.append(file)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def a_trainer_plays_to(port: str) -> None:
    """Assert that the trainer of compose.yaml plays to a server which has the experiments."""
    command = [sys.executable, "-m", "exporter.demo", port]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as trainer:
        assert trainer.stdout
        begun = any("run nan-default-filter begins" in line for line in trainer.stdout)
        trainer.terminate()
        trainer.communicate()
    assert begun
    assert trainer.returncode == 0


def test_a_run_that_goes_wrong_is_told_by_mail_and_webhook(
    stack: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert stack.stdout
    said = []
    missing = dict(TOLD)
    for line in stack.stdout:
        said.append(line)
        missing = {name: wanted for name, wanted in missing.items() if not wanted.search(line)}
        if not missing:
            break
    assert not missing, "".join(said)
    assert re.search(r"Prometheus +http://127\.0\.0\.1:\d+/alerts", "".join(said))
    a_trainer_plays_to(re.findall(r"MLflow +http://127\.0\.0\.1:(\d+)", "".join(said))[0])
    stack.send_signal(signal.SIGINT)
    rest, _ = stack.communicate()
    assert stack.returncode == 0, rest
    assert "nothing is left behind" in rest
    assert not list(tmp_path.iterdir())
    assert not mentions(str(tmp_path))
