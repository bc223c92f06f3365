"""The engine across restarts and crashes: nothing is repeated, nothing is lost."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from alerts.model import RunUpdate
from alerts.notify import Delivery, Kind, Result
from alerts.runs import ENDED_KEPT
from alerts.store import StoreError, StoreFenced, StoreInUse
from alerts.thresholds import AlertSettings, Rules, RuleTuning, Thresholds
from tests.support.engine import NAN, SETTINGS, Station, losses, news, run_facts, said, told
from tests.support.notices import NOW

FIRED = ("nonfinite", "firing", None)
DEAD = "firing: nonfinite · name of run-1 · #1"


class Killed(BaseException):
    """The process dies here."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


@pytest.fixture
def station(state: Path) -> Station:
    """Return a station that has been watching for a minute when the first run speaks."""
    station = Station(state, now=NOW - 60)
    station.tick(after=60)
    return station


@pytest.fixture
def dead() -> RunUpdate:
    return news(losses(2.0, NAN))


def test_a_restart_neither_repeats_nor_loses(station: Station, dead: RunUpdate) -> None:
    station.tick(dead)
    assert said(station.deliver()) == [DEAD]
    station.tick(after=1)
    station.restart()
    assert station.tick(dead, after=1) == []
    assert station.deliver() == []
    station.tick(news(losses(*[1.0] * 20, step=3, at=NOW + 120)))
    assert told(station.wait(300)) == [("nonfinite", "resolved", "recovered")]
    assert said(station.deliver()) == ["resolved: nonfinite · name of run-1 · #1"]


def test_a_restart_does_not_put_off_the_end_of_an_alert(station: Station, dead: RunUpdate) -> None:
    station.tick(dead)
    station.tick(news(losses(*[1.0] * 20, step=3, at=NOW + 120)))
    station.wait(200)
    station.engine.flush(station.now)
    station.restart()
    assert told(station.wait(100, every=50)) == [("nonfinite", "resolved", "recovered")]


def test_a_run_that_ended_before_a_restart_stays_ended(station: Station) -> None:
    failed = news(losses(2.0), run_facts(status="FAILED", ended_at=NOW + 9))
    station.tick(failed)
    station.deliver()
    station.tick(after=60)
    station.restart()
    assert station.tick(failed, after=60) == []
    assert station.deliver() == []
    station.tick(after=ENDED_KEPT)
    assert station.engine.cursors() == {}
    station.engine.flush(station.now)
    station.restart()
    assert station.tick(failed, after=60) == [], "forgotten, yet known"


def test_a_run_that_ended_before_a_restart_is_forgotten_in_time(station: Station) -> None:
    station.tick(news(losses(2.0), run_facts(status="FINISHED", ended_at=NOW + 9)))
    station.engine.flush(station.now)
    station.restart()
    station.tick(after=ENDED_KEPT)
    assert station.engine.cursors() == {}


def test_a_crash_before_the_store_tells_after_the_restart(
    station: Station, dead: RunUpdate
) -> None:
    station.store.problem = Killed()
    with pytest.raises(Killed):
        station.tick(dead)
    assert station.deliver() == []
    station.restart()
    assert told(station.tick(dead, after=5)) == [FIRED]
    assert said(station.deliver()) == [DEAD]


def test_a_crash_after_the_store_sends_after_the_restart(station: Station, dead: RunUpdate) -> None:
    station.tick(dead)
    station.restart()
    assert said(station.deliver()) == [DEAD]


def test_a_crash_between_sending_and_marking_sends_twice(station: Station, dead: RunUpdate) -> None:
    station.tick(dead)
    station.deliver()
    station.restart()
    station.tick(dead, after=1)
    station.deliver()
    station.tick(after=1)
    first, second = station.chat.messages
    assert first.text == second.text, "with the same identity"
    station.restart()
    assert station.deliver() == []


def test_progress_alone_is_stored_once_a_minute(state: Path) -> None:
    station = Station(state)
    station.tick(news(losses(2.0)))
    assert station.store.saves == 1, "a first start is remembered at once"
    station.wait(59, every=1)
    assert station.store.saves == 1
    station.wait(2, every=1)
    assert station.store.saves == 2


def test_a_clock_that_is_set_back_does_not_put_off_storing(state: Path) -> None:
    station = Station(state)
    station.tick(news(losses(2.0)))
    station.tick(after=-3600)
    assert station.store.saves == 2


def test_a_run_that_began_since_the_first_start_is_told_aloud(
    station: Station, dead: RunUpdate
) -> None:
    station.restart()
    recovered = losses(*[1.0] * 20, step=3, at=NOW + 120, every=1)
    station.tick(after=600)
    assert told(station.tick(news((*dead.points, *recovered)))) == [FIRED]


def test_an_alert_stays_as_it_was_in_everything_that_people_see(
    station: Station, dead: RunUpdate
) -> None:
    station.tick(dead)
    before = station.engine.view(station.now)
    station.engine.flush(station.now)
    station.restart()
    after = station.engine.view(station.now)
    assert after.alerts == before.alerts
    assert after.thresholds == before.thresholds
    assert [view.verdicts for view in after.runs] == [view.verdicts for view in before.runs]


def test_a_rule_that_was_removed_while_nobody_watched_ends_its_alerts(
    station: Station, dead: RunUpdate
) -> None:
    station.tick(dead)
    station.deliver()
    station.tick()
    off = AlertSettings(rules=Rules(nonfinite=RuleTuning(enabled=False)))
    station.restart(off)
    station.tick(after=1)
    (message,) = station.deliver()
    assert message.kind is Kind.RESOLVED
    assert "the rule was removed from the configuration" in message.text


@pytest.mark.parametrize(
    "problem", ["no space left on device", "read-only file system", "permission denied"]
)
def test_a_store_that_fails_costs_no_message(
    state: Path, dead: RunUpdate, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tunewatch.engine")
    station = Station(state)
    station.store.problem = StoreError(f"cannot write the state file: {problem}")
    assert told(station.tick(dead)) == [FIRED]
    assert said(station.deliver()) == [DEAD]
    station.wait(300)
    assert station.deliver() == []
    assert caplog.text.count(problem) == 1, "once, however long it lasts"
    station.store.problem = None
    station.wait(120)
    assert caplog.text.count("the state is stored again") == 1
    station.restart()
    assert station.deliver() == []


def test_a_read_only_folder_costs_no_message(station: Station, dead: RunUpdate) -> None:
    """A directory where the temporary file belongs fails for root as well."""
    station.tick()
    station.path.with_name("state.json.tmp").mkdir()
    station.tick(dead)
    assert said(station.deliver()) == [DEAD]


def test_a_process_that_was_fenced_off_tells_nobody_anything(
    station: Station, dead: RunUpdate
) -> None:
    station.store.problem = StoreFenced("another process holds the state")
    for _ in range(2):
        with pytest.raises(StoreFenced):
            station.tick(dead, after=1)
        assert station.deliver() == []
    with pytest.raises(StoreFenced):
        station.engine.flush(station.now)
    assert station.outbox.changed, "nothing counts as stored"
    station.restart()
    station.tick(dead)
    assert said(station.deliver()) == [DEAD], "whoever took over tells it"


def test_an_end_that_cannot_be_stored_does_not_end_the_process(state: Path) -> None:
    station = Station(state)
    station.store.problem = StoreError("the disk is gone")
    station.engine.flush(station.now)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "{}",
        '{"version": 1}',
        '{"version": 1, "runs": 5, "fleet": {}, "outbox": {}}',
        '{"version": 1, "runs": {"watching_since": 0, "watches": [{}]}}',
        '{"version": 1, "runs": {"watching_since": "x"}, "fleet": {}, "outbox": {}}',
        '{"version": 99}',
    ],
)
def test_a_document_that_makes_no_sense_is_set_aside(
    state: Path, content: str, dead: RunUpdate, caplog: pytest.LogCaptureFixture
) -> None:
    state.write_text(content)
    station = Station(state)
    (aside,) = state.parent.glob("state.json.*-*")
    assert aside.read_text() == content
    assert str(aside.name) in caplog.text
    assert told(station.tick(dead, after=90)) == [FIRED]
    assert said(station.deliver()) == [DEAD]


@pytest.mark.parametrize("broken", ["fleet", "outbox", "runs"])
def test_a_document_with_one_bad_part_is_set_aside_as_a_whole(
    station: Station, state: Path, broken: str, dead: RunUpdate
) -> None:
    station.tick(dead)
    document = json.loads(state.read_text())
    state.write_text(json.dumps({**document, broken: {"what": "is this"}}))
    station.restart()
    assert station.engine.cursors() == {}
    assert station.engine.view(station.now).alerts == ()
    assert station.deliver() == []
    assert len(list(state.parent.glob("state.json.corrupt-*"))) == 1


def test_the_state_belongs_to_one_process(station: Station, state: Path) -> None:
    station.tick()
    with pytest.raises(StoreInUse, match="another tunewatch process"):
        Station(state)


def test_a_channel_that_fails_for_a_while_gets_everything_later(
    station: Station, dead: RunUpdate
) -> None:
    station.chat.answers = [Delivery(Result.FAILED, "HTTP 503"), Delivery(Result.DELIVERED)]
    station.tick(dead)
    assert len(station.deliver()) == 1
    station.tick(after=1)
    station.restart()
    station.tick(after=5)
    assert said(station.deliver()) == [DEAD]
    station.tick(after=1)
    station.restart()
    assert station.deliver() == []


def test_the_settings_of_now_judge_what_was_stored(station: Station) -> None:
    station.tick(news(losses(2.0)))
    station.engine.flush(station.now)
    station.restart(AlertSettings(thresholds=Thresholds()))
    assert station.engine.view(station.now).thresholds == {}
    station.restart(SETTINGS)
    assert station.engine.view(station.now).thresholds["loss_increase"] == 20


def test_what_a_run_is_called_survives_whatever_it_is_called(station: Station) -> None:
    name = 'ö "quoted"\n\x00\ud800 <!channel>'
    facts = run_facts(name=name, params={name: name}, tags={name: name})
    station.tick(news(losses(2.0, NAN), facts))
    station.restart()
    (view,) = station.engine.view(station.now).runs
    assert view.facts == facts
    assert len(station.deliver()) == 1
