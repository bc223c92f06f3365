"""The run role shows what it has judged: ready before anybody asks, and not for each run anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.model import MetricPoint, RunFacts, RunUpdate
from alerts.notify.redact import Redactor
from alerts.store import FileStore
from alerts.view import AlertsView
from exporter.app.role import NAME, RunRole
from exporter.app.term import Term
from exporter.board import Board
from exporter.config import DEFAULT_CONFIG
from exporter.metrics.family import Family, Metric, Sample
from exporter.metrics.own import ProcessState
from exporter.metrics.page import Page, Section
from exporter.options import RunOptions

START = 1_800_000_000.0
RUNS_SEEN = Metric("runs_seen", "gauge", "Runs of the view")


class Stage:
    """A run role, and a page that counts how often it renders what the role shows."""

    def __init__(self, folder: Path) -> None:
        self.rendered = 0
        self.board = Board()
        options = RunOptions(state_file=folder / "state.json")
        self.role = RunRole(
            options, DEFAULT_CONFIG, {}, Redactor(), self.board, Term(FileStore(options.state_file))
        )
        self.page = Page(self.board, {NAME: Section(self._families)}, lambda: ProcessState("", ""))
        self.role.join(self.page, ())

    def news(self, run_id: str, now: float) -> None:
        """Have the source tell of a run, as it does one run at a time."""
        facts = RunFacts(run_id, run_id, "support-bot", "RUNNING", now)
        self.role._feed.put(RunUpdate(facts, (MetricPoint("loss", 1, now, 2.0),), now))

    def judge(self, now: float) -> int:
        """Let the judge work once; return how often that rendered the page."""
        before = self.rendered
        self.role._tick(now)
        return self.rendered - before

    def _families(self, view: AlertsView) -> Iterator[Family]:
        self.rendered += 1
        yield Family(RUNS_SEEN, [Sample((), len(view.runs))])


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Return a role whose page is scraped, and which has shown that there is nothing."""
    stage = Stage(tmp_path)
    stage.judge(START)
    stage.page.render(START)
    return stage


def test_a_scrape_finds_what_was_judged_ready(stage: Stage) -> None:
    stage.news("a", START + 10)
    assert stage.judge(START + 10) == 1
    assert b"\nruns_seen 1.0\n" in stage.page.render(START + 10).body
    assert stage.rendered == 2


def test_a_poll_of_many_runs_is_shown_in_few_steps_and_to_its_end(stage: Stage) -> None:
    for number in range(50):
        stage.news(f"run-{number}", START + 10)
        stage.judge(START + 10 + number / 100)
    assert stage.rendered == 2
    assert stage.judge(START + 12) == 1
    assert b"\nruns_seen 50.0\n" in stage.page.render(START + 12).body


def test_without_news_the_view_is_renewed_now_and_then(stage: Stage) -> None:
    shown = {}
    for second in (2, 4, 6, 8, 10, 12):
        stage.judge(START + second)
        shown[second] = stage.board.read()[NAME].health.attempted_at - START
    assert shown == {2: 0, 4: 0, 6: 0, 8: 0, 10: 10, 12: 10}
