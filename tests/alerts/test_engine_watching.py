"""When watching begins late, and when a run falls silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.engine import LONGEST_PAUSE
from alerts.judge import GIVEN_UP_AFTER
from alerts.model import MetricPoint, RunFacts, Severity
from alerts.notify import Kind
from alerts.runs import ENDED_KEPT
from tests.support.engine import (
    MLFLOW_DOWN,
    NAN,
    Station,
    losses,
    news,
    run_facts,
    said,
    told,
)
from tests.support.notices import NOW

STALLED = ("run_stalled", "firing", None)
STEADY = losses(2.0, 1.9, 1.8, 1.7, 1.6)
TEN_MINUTES = 600.0
HOUR = 3600.0


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """Return a station that began to watch when the tests' run began."""
    return Station(tmp_path / "state.json")


@pytest.fixture
def late(tmp_path: Path) -> Station:
    """Return a station that begins to watch an hour after the run began."""
    return Station(tmp_path / "state.json", now=NOW + HOUR)


def stalled(station: Station) -> None:
    """Let the run speak for four minutes and then fall silent until it is told."""
    station.tick(news(STEADY), after=240)
    assert station.wait(TEN_MINUTES, every=10) == []
    assert told(station.tick(after=10)) == [STALLED]


def test_of_an_old_run_only_what_is_still_true_is_told(late: Station) -> None:
    assert [(t.key.rule, t.already_so) for t in late.tick(news(losses(2.0, NAN)))] == [
        ("nonfinite", True)
    ]
    (message,) = late.deliver()
    assert "Already so when watching began." in message.text
    assert late.tick(news(losses(NAN, step=3, at=NOW + HOUR))) == []


def test_what_an_old_run_recovered_from_is_not_told(late: Station) -> None:
    assert late.tick(news(losses(2.0, NAN, *[1.0] * 20))) == []
    assert late.wait(TEN_MINUTES, every=10) == []
    assert late.deliver() == []
    fresh = losses(NAN, step=23, at=late.now)
    assert [(t.key.rule, t.already_so) for t in late.tick(news(fresh))] == [("nonfinite", False)]


@pytest.mark.parametrize("status", ["FAILED", "FINISHED", "KILLED"])
def test_an_old_run_that_has_ended_is_no_news(late: Station, status: str) -> None:
    facts = run_facts(status=status, ended_at=NOW + 300, params={"transformers_version": "5"})
    assert late.tick(news(losses(2.0, NAN), facts)) == []
    assert late.deliver() == []


def test_what_another_alert_makes_redundant_is_not_told_on_first_sight(late: Station) -> None:
    rising = losses(1.0, 1.1, 1.2, 1.3, 1.4, metric="eval_loss")
    steady = losses(1.0, 1.0, 1.0, 1.0, NAN)
    still_so = {t.key.rule: t.inhibited_by for t in late.tick(news((*rising, *steady)))}
    assert still_so["nonfinite"] is None
    assert still_so["eval_loss_rising"] == "nonfinite"
    to_tell = {row.key.rule for row in late.outbox.due(late.chat.name, late.now)}
    assert "nonfinite" in to_tell
    assert "eval_loss_rising" not in to_tell


def test_a_run_that_was_silent_before_watching_began_is_stalled_soon_after(late: Station) -> None:
    late.tick(news(STEADY))
    assert late.wait(TEN_MINUTES, every=10) == []
    assert told(late.tick(after=10)) == [STALLED]


def test_a_run_that_falls_silent_is_told_once(station: Station) -> None:
    stalled(station)
    assert said(station.deliver()) == ["firing: run_stalled · name of run-1 · #1"]
    assert station.wait(HOUR) == []
    assert station.deliver() == []


def test_a_stalled_run_that_speaks_again_has_recovered(station: Station) -> None:
    stalled(station)
    station.tick(news(losses(1.5, step=6, at=station.now)))
    assert told(station.wait(301)) == [("run_stalled", "resolved", "recovered")]


def test_anything_that_moves_is_a_sign_of_life(station: Station) -> None:
    station.tick(news(STEADY), after=240)
    for _ in range(10):
        assert station.tick(news(seen_at=station.now + 300), after=300) == []


def test_facts_alone_are_no_sign_of_life(station: Station) -> None:
    station.tick(news(STEADY), after=240)
    retagged = news(facts=run_facts(tags={"note": "x"}), moved=False, seen_at=NOW + 600)
    station.tick(retagged, after=360)
    assert told(station.wait(HOUR)) == [STALLED]


def test_the_clock_stands_still_while_the_tracking_server_is_down(station: Station) -> None:
    station.tick(news(STEADY), after=240)
    down = station.wait(TEN_MINUTES + HOUR, sources=[MLFLOW_DOWN])
    assert {t.key.rule for t in down} == {"source_down"}
    station.tick()
    up = station.wait(TEN_MINUTES, every=10)
    assert {t.key.rule for t in up} == {"source_down"}
    assert told(station.tick(after=10)) == [STALLED]


def test_the_clock_starts_anew_after_a_restart(station: Station) -> None:
    station.tick(news(STEADY), after=240)
    station.wait(500)
    station.engine.flush(station.now)
    station.restart()
    assert station.tick(sources=[]) == []
    assert station.wait(TEN_MINUTES - 10, every=10) == []
    assert told(station.wait(40, every=10)) == [STALLED]


def test_a_restart_does_not_resolve_a_stall(station: Station) -> None:
    stalled(station)
    station.deliver()
    station.tick()
    station.restart()
    again = news(moved=False, seen_at=station.now)
    assert station.tick(again) == []
    assert station.wait(2 * HOUR) == []
    assert station.deliver() == []


def test_a_run_that_is_stalled_for_a_day_is_given_up(station: Station) -> None:
    stalled(station)
    station.deliver()
    assert station.wait(GIVEN_UP_AFTER - 1, every=HOUR) == []
    assert told(station.tick(after=1)) == [("run_stalled", "resolved", "given_up")]
    (message,) = station.deliver()
    assert "silent for so long that it was given up" in message.text
    assert station.engine.view(station.now).runs == ()
    assert station.wait(HOUR) == []
    assert station.engine.cursors() == {}


def test_a_run_that_was_given_up_is_back_when_it_speaks(station: Station) -> None:
    stalled(station)
    station.wait(GIVEN_UP_AFTER, every=HOUR)
    retagged = news(facts=run_facts(tags={"note": "x"}), moved=False, seen_at=station.now)
    assert station.tick(retagged) == []
    assert station.wait(1200) == [], "a look at its tags does not revive it"
    spoken = news(losses(NAN, step=6, at=station.now))
    assert told(station.tick(spoken)) == [("nonfinite", "firing", None)]


@pytest.mark.parametrize(
    ("facts", "points"),
    [(run_facts(params={}), losses(1.0, metric="eval_loss")), (run_facts(), losses(1.0))],
    ids=["left over", "one point"],
)
def test_a_run_of_which_no_stall_is_told_is_forgotten_as_well(
    station: Station, facts: RunFacts, points: tuple[MetricPoint, ...]
) -> None:
    station.tick(news(points, facts))
    assert station.wait(2 * GIVEN_UP_AFTER, every=LONGEST_PAUSE) == []
    assert station.engine.cursors() == {}


def test_a_parent_waits_for_its_children(station: Station) -> None:
    parent = run_facts(is_parent=True)
    station.tick(news((), parent, moved=False))
    assert station.wait(3 * GIVEN_UP_AFTER, every=HOUR) == []
    failed = run_facts(is_parent=True, status="FAILED", ended_at=station.now)
    assert told(station.tick(news((), failed))) == [("run_failed", "firing", None)]


def test_a_trainer_that_never_logs_is_stalled_after_an_hour(station: Station) -> None:
    station.tick(news((), run_facts(params={"transformers_version": "5"}), moved=False))
    assert station.wait(HOUR, every=60) == []
    assert told(station.tick(after=1)) == [STALLED]


def test_a_run_that_is_started_again_has_time_to_speak(station: Station) -> None:
    """Loading a model takes minutes, after hours in which nobody missed the run."""
    station.tick(news(STEADY), after=240)
    station.tick(news(facts=run_facts(status="FAILED", ended_at=NOW + 300)), after=60)
    station.tick(after=ENDED_KEPT / 2)
    again = news(moved=False, seen_at=station.now)
    assert station.tick(again) == []
    assert station.wait(TEN_MINUTES, every=10) == []
    assert told(station.tick(after=10)) == [STALLED]


def test_a_run_that_is_too_long_is_told_and_ends_with_it(station: Station) -> None:
    minutes = [1.0 - 0.0001 * minute for minute in range(25 * 60)]
    changed = station.tick(news(losses(*minutes)), after=25 * HOUR)
    assert told(changed) == [("training_time_exceeded", "firing", None)]
    assert changed[0].severity is Severity.WARNING
    finished = run_facts(status="FINISHED", ended_at=station.now)
    assert told(station.tick(news(facts=finished))) == [
        ("training_time_exceeded", "resolved", "run_ended")
    ]
    assert [m.kind for m in station.deliver()] == [Kind.FIRED_AND_RESOLVED]
