"""The stack as a person starts it: alerts come by mail and webhook, and nothing is left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.demo.loopback import request
from grafana.stack.files import DATASOURCE
from grafana.stack.places import FOLDER
from tests.support import grafana
from tests.support.promtool import program
from tests.support.stack import alertmanager

# Real programs start one after another: seconds on an idle machine, many more on a busy one.
pytestmark = pytest.mark.timeout(300)

TOLD = {
    "mail": re.compile(r"^stack: mail: \[FIRING CRITICAL\] .*nan-default-filter"),
    "webhook": re.compile(r"^stack: webhook: Alertmanager's watchdog calls"),
}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The program with its temporary folder and its home in `home`, and a Grafana installed."""
    program("prometheus", "prometheus")
    alertmanager()
    (home := tmp_path / "home").mkdir()
    path = f"{grafana.install(tmp_path / 'grafana')}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        [sys.executable, "-m", "grafana.stack", "--duration", "60"],
        env={**os.environ, "TMPDIR": str(home), "HOME": str(home), "PATH": path},
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


def grafana_shows_what_is_provisioned(port: int) -> None:
    """Assert that all dashboards are there, and Prometheus behind the data source."""
    found = json.loads(request(port, "GET", "/api/search")[1])
    written = [json.loads(file.read_text()) for file in (FOLDER / "dashboards").glob("*.json")]
    assert {each["uid"] for each in found} == {each["uid"] for each in written}
    asked = f"{grafana.PROXY}{DATASOURCE}/api/v1/query?query=up%7Bnode%3D%22demo%22%7D"
    (up,) = json.loads(request(port, "GET", asked)[1])["data"]["result"]
    assert up["value"][1] == "1"


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
    ports = dict(re.findall(r"(\w+) +http://127\.0\.0\.1:(\d+)", "".join(said)))
    assert ports.keys() == {"Grafana", "Prometheus", "Alertmanager", "MLflow", "tunewatch"}
    grafana_shows_what_is_provisioned(int(ports["Grafana"]))
    a_trainer_plays_to(ports["MLflow"])
    stack.send_signal(signal.SIGINT)
    rest, _ = stack.communicate()
    assert stack.returncode == 0, rest
    assert "nothing is left behind" in rest
    assert not list((tmp_path / "home").iterdir())
    assert not mentions(str(tmp_path))
