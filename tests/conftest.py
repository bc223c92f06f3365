"""What holds for every test: programs are on PATH, logging stays as it was, CI skips nothing."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from exporter.logs import JsonLines, Logfmt

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[1]
FETCHED = ROOT / ".tools" / "usr" / "bin"
HARDWARE = "hardware: "
"""How the reason of a skip begins that no package can supply."""

os.environ["PATH"] = f"{FETCHED}{os.pathsep}{os.environ['PATH']}"

Report = pytest.TestReport | pytest.CollectReport


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Undo what a command that ran in this process has made of the root logger."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    for handler in tuple(root.handlers):
        if isinstance(handler.formatter, (JsonLines, Logfmt)):
            root.removeHandler(handler)


def refuse_skip(report: Report) -> None:
    """Turn a skip into a failure in CI, where everything but hardware can be supplied."""
    if not os.environ.get("CI") or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith(HARDWARE):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} may not be skipped in CI: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at the outcome of every phase of every test."""
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at modules that skip themselves as a whole."""
    report = yield
    refuse_skip(report)
    return report
