"""The engine as a whole: what is told of a run from its first point to its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.fleet import Fleet
from alerts.history import RunHistory
from alerts.history.records import Record
from alerts.history.windows import Window
from alerts.model import MetricPoint, Observations, RunUpdate, Severity
from alerts.notify import Kind
from alerts.rules import ON_RECORD
from alerts.runs import ENDED_KEPT
from tests.support.engine import (
    MLFLOW_DOWN,
    MLFLOW_UP,
    NAN,
    Station,
    losses,
    news,
    run_facts,
    said,
    told,
)
from tests.support.notices import NOW

FIRED = ("nonfinite", "firing", None)
RECOVERED = ("nonfinite", "resolved", "recovered")
ENDED = ("nonfinite", "resolved", "run_ended")
FIVE_MINUTES = 300.0


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path / "state.json")


def test_an_alert_is_told_once_and_its_end_once(station: Station) -> None:
    assert told(station.tick(news(losses(2.0, NAN)), after=90)) == [FIRED]
    assert said(station.deliver()) == ["firing: nonfinite · name of run-1 · #1"]
    assert station.tick(news(losses(NAN, step=3, at=NOW + 120)), after=30) == []
    assert station.tick(news(losses(*[1.0] * 20, step=4, at=NOW + 180, every=1))) == []
    assert station.wait(FIVE_MINUTES - 1) == []
    assert told(station.tick(after=1)) == [RECOVERED]
    assert said(station.deliver()) == ["resolved: nonfinite · name of run-1 · #1"]
    assert station.wait(200) == []
    assert station.deliver() == []


def test_a_second_time_is_another_episode(station: Station) -> None:
    station.tick(news(losses(2.0, NAN)))
    station.tick(news(losses(*[1.0] * 20, step=3, at=NOW + 120, every=1)))
    station.wait(FIVE_MINUTES)
    (again,) = station.tick(news(losses(NAN, step=23, at=NOW + 600)))
    assert (again.episode, again.state) == (2, "firing")
    text = station.deliver()[-1].text
    assert "nonfinite · name of run-1 · #2" in text


def test_the_deciding_point_dates_the_alert(station: Station) -> None:
    (fired,) = station.tick(news(losses(2.0, 1.9, NAN)), after=1000)
    assert (fired.at, fired.step) == (NOW + 120, 3)


def test_a_run_that_ended_between_two_polls_is_judged_to_its_last_point(station: Station) -> None:
    ended = run_facts(status="FINISHED", ended_at=NOW + 100)
    assert told(station.tick(news(losses(2.0, NAN), ended), after=120)) == [FIRED, ENDED]
    (message,) = station.deliver()
    assert message.kind is Kind.FIRED_AND_RESOLVED
    assert "the run ended" in message.text


def test_a_failed_run_is_an_event_without_an_end(station: Station) -> None:
    station.tick(news(losses(2.0, 1.0)))
    failed = run_facts(status="FAILED", ended_at=NOW + 100)
    assert told(station.tick(news(facts=failed), after=120)) == [("run_failed", "firing", None)]
    assert [message.kind for message in station.deliver()] == [Kind.EVENT]
    assert station.tick(news(facts=failed), after=120) == []
    assert station.deliver() == []
    assert station.engine.view(station.now).alerts == ()


def test_a_deleted_run_closes_its_alerts(station: Station) -> None:
    station.tick(news(losses(2.0, NAN)))
    station.deliver()
    deleted = news(deleted=True, facts=run_facts(status="KILLED"))
    assert told(station.tick(deleted)) == [("nonfinite", "resolved", "deleted")]
    assert "the run was deleted" in station.deliver()[0].text
    assert station.tick(deleted) == []
    assert station.engine.view(station.now).runs == ()


def test_a_deleted_run_that_nobody_knew_is_no_news(station: Station) -> None:
    assert station.tick(news(deleted=True)) == []
    assert station.engine.cursors() == {}


def test_a_restored_run_is_back_when_it_speaks(station: Station) -> None:
    station.tick(news(losses(2.0, NAN)))
    station.tick(news(deleted=True))
    station.tick(news(moved=False))
    assert station.engine.view(station.now).runs == ()
    assert told(station.tick(news(losses(NAN, step=3, at=NOW + 120)))) == [FIRED]
    assert len(station.engine.view(station.now).runs) == 1


def test_an_evaluation_leftover_is_judged_by_nothing(station: Station) -> None:
    leftover = run_facts(params={}, status="FAILED", ended_at=NOW + 9)
    points = losses(NAN, metric="eval_loss")
    assert station.tick(news(points, leftover)) == []
    assert station.engine.view(station.now).runs == ()
    assert station.engine.view(station.now).alerts == ()


def test_cursors_say_how_far_each_metric_was_judged(station: Station) -> None:
    points = (*losses(3.0, 2.0), MetricPoint("grad_norm", 1, NOW, 0.5))
    station.tick(news(points), news(losses(1.0, step=7), run_facts("run-2")))
    before = station.engine.cursors()
    assert {run: set(cursors) for run, cursors in before.items()} == {
        "run-1": {"loss", "grad_norm"},
        "run-2": {"loss"},
    }
    judged = before["run-1"]["loss"]
    assert (judged.time, judged.step) == (NOW + 60, 2)
    station.engine.flush(station.now)
    station.restart()
    after = station.engine.cursors()["run-1"]
    assert {m: c._replace(window=None) for m, c in after.items()} == before["run-1"]
    assert after["loss"].window == Window(1, 2), "what rules look back on is not stored"


def test_an_ended_run_is_forgotten_after_an_hour(station: Station) -> None:
    ended = run_facts(status="FINISHED", ended_at=NOW + 100)
    station.tick(news(losses(2.0, NAN)))
    station.tick(news(facts=ended), after=100)
    station.deliver()
    station.tick(after=ENDED_KEPT - 1)
    assert "run-1" in station.engine.cursors()
    station.tick(after=1)
    assert station.engine.cursors() == {}


def test_a_run_of_which_something_is_left_to_tell_is_kept(station: Station) -> None:
    ended = run_facts(status="FINISHED", ended_at=NOW + 100)
    station.tick(news(losses(2.0, NAN), ended))
    station.tick(after=2 * ENDED_KEPT)
    (message,) = station.deliver()
    assert "name of run-1" in message.title
    station.tick()
    assert station.engine.cursors() == {}


def test_a_forgotten_run_that_is_resumed_is_judged_in_silence(station: Station) -> None:
    history = losses(2.0, NAN, *[1.0] * 30)
    station.tick(news(history, run_facts(status="FAILED", ended_at=NOW + 3000)), after=3000)
    station.deliver()
    station.tick(after=ENDED_KEPT)
    assert station.engine.cursors() == {}
    assert station.tick(news(history, seen_at=station.now)) == []
    assert len(station.engine.cursors()) == 1
    resumed = news(losses(NAN, step=33, at=station.now))
    assert told(station.tick(resumed)) == [FIRED]


def test_what_many_runs_leave_behind_is_bounded(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.runs.KNOWN_MOST", 3)
    for number in range(6):
        ended = run_facts(f"run-{number}", status="FINISHED", ended_at=NOW)
        station.tick(news((), ended), after=1)
    station.tick(after=ENDED_KEPT + 6)
    station.engine.flush(station.now)
    document = station.store.load()
    assert document is not None
    assert list(document["runs"]["known"]) == ["run-3", "run-4", "run-5"]
    assert document["runs"]["watches"] == []
    assert document["runs"]["ended"] == {}


def test_a_tracking_server_that_is_down_explains_the_silence(station: Station) -> None:
    station.tick(news(losses(2.0, 1.9, 1.8, 1.7, 1.6, every=10)))
    assert told(station.wait(7200, sources=[MLFLOW_DOWN])) == [
        ("source_down", "firing", None),
        ("source_down", "firing", None),
    ]
    assert station.wait(590, sources=[MLFLOW_UP])[0].key.rule == "source_down"
    stalled = station.wait(60, sources=[MLFLOW_UP])
    assert [(t.key.rule, t.severity) for t in stalled] == [("run_stalled", Severity.CRITICAL)]


def test_a_rule_that_breaks_costs_neither_the_other_rules_nor_the_other_runs(
    station: Station, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> list[None]:
        raise ZeroDivisionError

    monkeypatch.setattr("alerts.judge.ON_RECORD", (broken, *ON_RECORD))
    first, second = news(losses(2.0, NAN)), news(losses(2.0, NAN), run_facts("run-2"))
    assert told(station.tick(first, second)) == [FIRED, FIRED]
    station.tick(news(losses(*[1.0] * 20, step=3, at=NOW + 120, every=1)))
    assert told(station.wait(FIVE_MINUTES)) == [RECOVERED]
    assert caplog.text.count("run run-1: a rule failed") == 1, "not at every record"
    assert station.engine.view(station.now).errors == {"rule": 24, "run": 0, "fleet": 0}


def test_a_run_that_cannot_be_judged_costs_no_other(
    station: Station, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    absorb = RunHistory.absorb

    def broken(self: RunHistory, *arguments: Any) -> Iterator[Record]:  # noqa: ANN401 - as absorb
        if self.facts.run_id == "run-1":
            raise OverflowError
        return absorb(self, *arguments)

    monkeypatch.setattr(RunHistory, "absorb", broken)
    bad, good = news(losses(2.0, NAN)), news(losses(2.0, NAN), run_facts("run-2"))
    assert [t.key.subject.id for t in station.tick(bad, good)] == ["run-2"]
    assert station.tick(bad) == []
    assert len(station.deliver()) == 1
    assert caplog.text.count("run run-1 cannot be judged") == 1
    assert station.engine.view(station.now).errors == {"rule": 0, "run": 2, "fleet": 0}


def test_what_a_run_changed_before_it_broke_is_told(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    absorb = RunHistory.absorb

    def broken(self: RunHistory, *arguments: Any) -> Iterator[Record]:  # noqa: ANN401 - as absorb
        for record in absorb(self, *arguments):
            if record.loss == 666:
                raise OverflowError
            yield record

    monkeypatch.setattr(RunHistory, "absorb", broken)
    station.tick(news(losses(2.0)))
    assert told(station.tick(news(losses(NAN, 666, step=2)))) == [FIRED]
    assert len(station.deliver()) == 1
    assert station.tick(news(losses(1.0, 666, step=4))) == []


def test_what_a_fleet_changed_before_it_broke_is_told(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    observe = Fleet.observe

    def broken(self: Fleet, *arguments: Any) -> list[None]:  # noqa: ANN401 - as observe
        observe(self, *arguments)
        raise ZeroDivisionError

    monkeypatch.setattr(Fleet, "observe", broken)
    down = station.wait(300, every=60, sources=[MLFLOW_DOWN])
    down += station.tick(after=60, sources=[MLFLOW_DOWN])
    assert told(down) == [("source_down", "firing", None)]
    assert len(station.deliver()) == 1


def test_a_fleet_that_cannot_be_judged_costs_no_run(
    station: Station, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> list[None]:
        raise ZeroDivisionError

    monkeypatch.setattr(Fleet, "observe", broken)
    assert told(station.tick(news(losses(2.0, NAN)))) == [FIRED]
    station.tick()
    assert caplog.text.count("GPUs and sources cannot be judged") == 1
    assert station.engine.view(station.now).errors == {"rule": 0, "run": 0, "fleet": 2}


def test_news_that_is_judged_again_changes_nothing(station: Station) -> None:
    """The feed offers the same news again when a tick failed midway."""
    updates = [news(losses(2.0, NAN)), news(losses(2.0, NAN), run_facts("run-2"))]

    def breaks() -> Iterator[RunUpdate]:
        yield updates[0]
        raise RuntimeError

    observed = Observations(sources=(MLFLOW_UP,))
    object.__setattr__(observed, "runs", breaks())
    with pytest.raises(RuntimeError):
        station.engine.tick(observed, station.now)
    assert station.deliver() == [], "not before it is stored"
    assert [t.key.subject.id for t in station.tick(*updates)] == ["run-2"]
    assert len(station.deliver()) == 2, "what was judged before the failure is told as well"
    assert station.tick(*updates) == []
