"""The machine sleeps, or its clock is set: nothing is told for it, and nothing waits for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.engine import LONGEST_PAUSE
from alerts.model import Outcome
from alerts.notify import Delivery, Result
from alerts.outbox import Pace
from tests.support.deliveries import Desk, fired, key
from tests.support.deliveries import news as bundles
from tests.support.engine import MLFLOW_DOWN, Station, losses, memory, news, run_facts, told
from tests.support.notices import NOW

DAY = 86_400.0
DECADE = 3650 * DAY
RISING = losses(0.9, 1.0, 1.1, 1.2, metric="eval_loss")
STALLED = ("run_stalled", "firing", None)
LIMITED_ONCE = [Delivery(Result.RATE_LIMITED), Delivery(Result.DELIVERED)]


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path / "state.json")


def trained(station: Station) -> None:
    """Let a run log ten losses, one every ten seconds."""
    for step in range(1, 11):
        station.tick(news(losses(2.0, step=step, at=station.now + 10)), after=10)


def full(station: Station, pct: float) -> list[tuple[str, str, str | None]]:
    return told(station.tick(after=60, gpus=(memory(pct, station.now + 60),)))


def test_a_run_was_not_silent_while_the_machine_slept(station: Station) -> None:
    trained(station)
    assert station.tick(after=3 * 3600) == []
    assert station.wait(599, every=10) == []
    assert told(station.tick(after=2)) == [STALLED], "it has been silent since we woke"


def test_a_slow_tick_is_no_sleep(station: Station) -> None:
    trained(station)
    station.wait(600, every=LONGEST_PAUSE)
    assert told(station.tick(after=1)) == [STALLED]


@pytest.mark.parametrize("by", [3600.0, DAY, DECADE])
def test_news_from_the_future_are_told_now(station: Station, by: float) -> None:
    """The clock was ahead, as after a start without a network, and is set right."""
    trained(station)
    station.now += by
    station.tick(news(losses(0.9, 1.0, 1.1, 1.2, at=station.now, metric="eval_loss")))
    station.outbox.configure([station.chat], None, station.now)
    station.now -= by
    station.wait(20, every=2)
    (message,) = station.deliver()
    assert "eval loss rising" in message.title


def test_what_was_told_in_the_future_is_repeated_in_time() -> None:
    desk = Desk(pace=Pace(group_wait=0))
    desk.now += DAY
    desk.tell(fired(key("plateau")))
    assert bundles(desk.send()) == [[("firing", "plateau")]]
    desk.now -= DAY
    desk.review()
    desk.review(after=12 * 3600 - 1)
    assert desk.send() == []
    desk.review(after=1)
    assert bundles(desk.send()) == [[("repeated", "plateau")]]


def test_a_digest_of_the_future_is_sent_now() -> None:
    desk = Desk(pace=Pace(group_wait=0))
    desk.now += DAY
    desk.tell(*(fired(key("plateau", f"{n}")) for n in range(5)))
    desk.box.fold(100_000, desk.now)
    desk.store()
    desk.send(result=Result.FAILED)
    desk.now -= DAY
    desk.review()
    (digest,) = desk.send()
    assert digest.counts() == {("plateau", "warning"): 5}


def test_what_fails_in_the_future_is_tried_again_now(station: Station) -> None:
    station.chat.answers = list(LIMITED_ONCE)
    station.now += DAY
    station.tick(news(RISING))
    assert len(station.deliver()) == 1
    station.now -= DAY
    station.wait(120)
    assert len(station.deliver()) >= 1


def test_what_was_pending_in_the_future_fires_in_time(station: Station) -> None:
    station.now += DAY
    full(station, 99)
    station.now -= DAY
    assert [full(station, 99) for _ in range(3)] == [[], [], [("gpu_memory_high", "firing", None)]]


def test_what_ceased_in_the_future_resolves_in_time(station: Station) -> None:
    for _ in range(4):
        full(station, 99)
    station.now += DAY
    full(station, 10)
    station.now -= DAY
    resolved = ("gpu_memory_high", "resolved", "recovered")
    assert [full(station, 10) for _ in range(6)] == [[], [], [], [], [], [resolved]]


def test_a_run_heard_in_the_future_can_stall_now(station: Station) -> None:
    station.now += DAY
    trained(station)
    station.now -= DAY
    assert station.tick() == []
    assert station.wait(600, every=10) == []
    assert told(station.tick(after=2)) == [STALLED]


def test_a_run_that_begins_now_is_no_old_one(tmp_path: Path) -> None:
    """Watching began in the future, by a clock that has been set right since."""
    station = Station(tmp_path / "state.json", now=NOW + DECADE)
    station.tick()
    station.now -= DECADE
    station.tick()
    failed = run_facts(status="FAILED", started_at=NOW + 1, ended_at=NOW + 2)
    assert told(station.tick(news(losses(2.0), failed), after=10)) == [
        ("run_failed", "firing", None)
    ]


def test_a_breach_of_the_future_is_not_shown_until_then(station: Station) -> None:
    trained(station)
    station.now += DAY
    station.tick(news(losses(0.9, 1.0, 1.1, 1.2, at=station.now, metric="eval_loss")))
    station.now -= DAY
    station.tick(news(losses(0.5, step=99, at=station.now + DAY + 60, metric="eval_loss")))
    station.wait(400)
    (run,) = station.engine.view(station.now).runs
    (shown,) = [v for v in run.verdicts if v.rule == "eval_loss_rising"]
    assert shown.outcome is Outcome.CLEAR


def test_a_source_that_went_down_in_the_future_is_told_now(station: Station) -> None:
    station.now += DAY
    station.tick(sources=(MLFLOW_DOWN,))
    station.now -= DAY
    down = station.wait(361, every=60, sources=(MLFLOW_DOWN,))
    assert told(down) == [("source_down", "firing", None)]


def test_a_restart_under_an_earlier_clock_is_no_different(station: Station) -> None:
    trained(station)
    station.now += DAY
    station.tick(news(losses(0.9, 1.0, 1.1, 1.2, at=NOW + 200, metric="eval_loss")))
    station.now -= DAY
    station.restart()
    station.tick()
    station.wait(20, every=2)
    assert len(station.deliver()) == 1
