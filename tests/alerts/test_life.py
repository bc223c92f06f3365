"""The life of a run: when silence is a stall, how long it trained, and how it ended."""

from __future__ import annotations

import math
from typing import Any

import pytest

from alerts.history.silence import INTERVALS_KEPT, Silence
from alerts.model import MetricPoint, RunStatus, Severity, Transition
from alerts.rules.life import FAILED, INCOMPLETE, STALLED, TOO_LONG
from tests.support.histories import (
    START,
    TRAINER,
    Daemon,
    Trace,
    fired,
    run_facts,
    settings,
    shown,
)

HOUR = 3_600.0


def running(points: int, interval: float = 10.0, **facts: Any) -> Daemon:  # noqa: ANN401 - any field
    """Return a daemon that has watched so many training points and hears nothing more."""
    daemon = Daemon(facts=run_facts(**facts))
    daemon.feed()
    daemon.follow(Trace(interval).train([1.0] * points).points)
    return daemon


def silence_before(daemon: Daemon, rule: str, most: float = 40 * HOUR) -> float | None:
    """Return after how many seconds of silence a rule fires, to the second."""
    begin = daemon.now
    for step in (HOUR, 60.0, 1.0):
        saved = daemon.watch.to_document()
        before = daemon.now
        while not fired(daemon.wait(step, every=step), rule):
            saved, before = daemon.watch.to_document(), daemon.now
            if daemon.now - begin > most:
                return None
        if step > 1:
            daemon.now = before
            daemon.watch = type(daemon.watch).from_document(saved, daemon.facts, daemon.book)
    return daemon.now - begin


# Stalls


@pytest.mark.parametrize(
    ("interval", "limit"),
    [(1.0, 600.0), (60.0, 600.0), (61.0, 610.0), (900.0, 9_000.0)],
)
def test_a_run_is_stalled_after_ten_minutes_or_ten_intervals(interval: float, limit: float) -> None:
    assert silence_before(running(10, interval), STALLED) == limit + 1


def test_a_run_is_stalled_after_three_times_its_longest_gap() -> None:
    daemon = running(10)
    daemon.follow(Trace(start=daemon.now + 490).train([1.0] * 30, first=11).points)
    assert daemon.watch.history.silence.longest_gap == 500.0
    assert silence_before(daemon, STALLED) == 1_501


@pytest.mark.parametrize(
    ("points", "trainer", "limit"),
    [
        (0, True, 3_601),
        (1, True, 3_601),
        (3, True, 3_601),
        (4, True, 601),
        (1, False, None),
        (2, False, 3_601),
    ],
)
def test_a_run_that_has_hardly_begun_is_given_an_hour(
    points: int, limit: float | None, *, trainer: bool
) -> None:
    daemon = running(points, params=TRAINER if trainer else {"a": "1"})
    assert silence_before(daemon, STALLED) == limit


def test_after_its_closing_summary_a_run_is_given_an_hour() -> None:
    daemon = running(10)
    daemon.follow(Trace(start=daemon.now).close(11).points)
    assert silence_before(daemon, STALLED) == 3_601


@pytest.mark.parametrize(
    "facts", [{"status": "FINISHED"}, {"is_parent": True}, {"params": {}, "has_params": False}]
)
def test_a_run_that_need_not_speak_is_not_stalled(facts: dict[str, Any]) -> None:
    daemon = Daemon(facts=run_facts(**facts))
    points = (
        Trace().log(1, eval_loss=1.0).points
        if "params" in facts
        else Trace().train([1.0] * 9).points
    )
    daemon.feed(points)
    assert silence_before(daemon, STALLED) is None


def test_any_metric_is_a_sign_of_life() -> None:
    daemon = running(10)
    for _ in range(20):
        daemon.wait(590)
        daemon.feed()
    assert daemon.told == []
    assert silence_before(daemon, STALLED) == 601


def test_facts_that_are_read_again_are_no_sign_of_life() -> None:
    daemon = running(10)
    assert silence_before(daemon, STALLED) == 601
    daemon.feed(moved=False)
    assert daemon.watch.firing()


def test_a_scheduled_run_counts_as_running() -> None:
    assert silence_before(running(10, status="SCHEDULED"), STALLED) == 601


def test_the_limits_are_configurable() -> None:
    daemon = Daemon(settings({"run_stalled": {"min_silence": "2m", "early_silence": "5m"}}))
    daemon.feed()
    assert silence_before(daemon, STALLED) == 301
    daemon = Daemon(settings({"run_stalled": {"min_silence": "2m", "early_silence": "5m"}}))
    daemon.follow(Trace().train([1.0] * 9).points)
    assert silence_before(daemon, STALLED) == 121


def test_it_says_for_how_long_and_recovers_when_the_run_speaks() -> None:
    daemon = running(10)
    (news,) = daemon.wait(660)
    assert (news.severity, news.step, news.value, news.threshold) == (
        Severity.CRITICAL,
        10,
        660.0,
        600.0,
    )
    assert news.summary == "nothing new for 11 min, the run is still marked RUNNING"
    daemon.follow(Trace(start=daemon.now).train([1.0], first=11).points)
    assert shown(daemon.wait(360)) == [(STALLED, "resolved", 11)]
    assert daemon.told[-1].reason == "recovered"


def test_while_the_tracking_server_is_down_nobody_is_stalled() -> None:
    daemon = running(10)
    daemon.wait(300)
    daemon.listening_since = None
    assert daemon.wait(4 * HOUR) == []
    daemon.listening_since = daemon.now
    assert silence_before(daemon, STALLED) == 601


def test_a_stall_that_was_told_outlasts_an_outage_and_a_restart() -> None:
    daemon = running(10)
    daemon.wait(660)
    daemon.listening_since = None
    daemon.wait(HOUR)
    daemon.restart()
    daemon.listening_since = daemon.now
    daemon.wait(2 * HOUR)
    assert shown(daemon.told) == [(STALLED, "firing", 10)]


def test_a_restart_while_silent_begins_to_listen_anew() -> None:
    daemon = running(10)
    daemon.wait(500)
    daemon.restart()
    daemon.listening_since = daemon.now
    assert silence_before(daemon, STALLED) == 601


def test_the_pause_before_a_resumption_is_no_habit() -> None:
    daemon = running(10)
    daemon.follow(Trace(start=daemon.now + 8 * HOUR).train([1.0] * 30, first=5).points)
    assert silence_before(daemon, STALLED) == 601


def test_a_resumption_seen_in_another_metric_first_is_one_too() -> None:
    daemon = running(10)
    daemon.follow(Trace(start=daemon.now).log(10, eval_loss=1.0).points)
    again = Trace(start=daemon.now + 8 * HOUR).log(4, eval_loss=1.0).train([1.0] * 30, first=5)
    daemon.follow(again.points)
    assert daemon.watch.history.silence.longest_gap == 10.0


def test_clocks_that_fall_back_make_no_gap() -> None:
    silence = Silence()
    for time in (START, START + 10, START - 500, START + 20):
        silence.log(time, START - 10, 600.0)
        silence.train(time, 0.0)
    assert (silence.intervals, silence.longest_gap, silence.trained_seconds) == (2, 10.0, 30.0)


def test_only_recent_intervals_are_typical() -> None:
    silence = Silence()
    for count in range(3 * INTERVALS_KEPT):
        silence.train(START + (count if count < INTERVALS_KEPT else 2 * count), 0.0)
    assert silence.typical_gap == 2.0
    assert len(silence.to_document()["recent"]) == INTERVALS_KEPT


# Training time


def hours(daemon: Daemon) -> float:
    """Return for how many hours a run has trained, by the rule's own count."""
    daemon.watch.tick(daemon.moment)
    value = daemon.watch.verdicts[TOO_LONG, ""].value
    assert value is not None
    return value


def test_training_time_runs_from_the_start_while_points_come() -> None:
    daemon = running(10, interval=60.0)
    assert hours(daemon) == pytest.approx(10 / 60)
    daemon.now += 30
    assert hours(daemon) == pytest.approx(10.5 / 60)


def test_it_is_told_beyond_the_limit_and_not_at_it() -> None:
    daemon = Daemon(settings(max_training_time_hours=1.0))
    daemon.follow(Trace(60.0).train([1.0] * 60).points)
    assert hours(daemon) == 1.0
    assert daemon.wait(0.0) == []
    assert fired(daemon.wait(1.0), TOO_LONG) == [60]
    assert daemon.told[-1].summary == "training for 1.0 h"


def test_a_pause_counts_up_to_the_stall_limit() -> None:
    daemon = running(10, interval=60.0)
    daemon.follow(Trace(start=daemon.now + 9 * HOUR).train([1.0], first=5).points)
    assert hours(daemon) == pytest.approx((10 * 60 + 600) / HOUR)


def test_silence_counts_up_to_the_stall_limit() -> None:
    daemon = running(10, interval=60.0)
    daemon.wait(9 * HOUR)
    assert hours(daemon) == pytest.approx((10 * 60 + 600) / HOUR)


@pytest.mark.parametrize("pieces", [1, 7, 70])
def test_it_makes_no_difference_in_how_many_updates_the_points_come(pieces: int) -> None:
    trace = Trace().train([1.0] * 30).wait(5 * HOUR).train([1.0] * 40, first=31)
    daemon = Daemon()
    daemon.now = trace.clock
    size = math.ceil(len(trace.points) / pieces)
    for begin in range(0, len(trace.points), size):
        daemon.feed(trace.points[begin : begin + size])
    assert hours(daemon) == pytest.approx((70 * 10 + 600 - 10) / HOUR, abs=20 / HOUR)


def test_time_never_runs_back_when_something_else_is_heard() -> None:
    daemon = running(10, interval=60.0)
    seen = [hours(daemon)]
    for minute in range(40):
        daemon.now += 60
        if minute % 7 == 3:
            daemon.feed()
        if minute % 11 == 5:
            daemon.feed([MetricPoint("eval_loss", 10 + minute, daemon.now, 1.0)])
        seen.append(hours(daemon))
    assert seen == sorted(seen)


@pytest.mark.parametrize("facts", [{"is_parent": True}, {"status": "FINISHED"}])
def test_only_a_run_that_trains_now_can_train_for_too_long(facts: dict[str, Any]) -> None:
    daemon = Daemon(settings(max_training_time_hours=0.001))
    daemon.follow(Trace().train([1.0] * 9).points)
    daemon.feed(**facts)
    daemon.wait(60)
    assert fired(daemon.told, TOO_LONG) == []


def test_without_a_limit_it_says_nothing() -> None:
    daemon = Daemon(settings(max_training_time_hours=None))
    daemon.follow(Trace(HOUR).train([1.0] * 90).points)
    assert TOO_LONG not in {rule for rule, _ in daemon.watch.verdicts}


# The end


def ended(
    trace: Trace, status: RunStatus, params: dict[str, str] | None = None
) -> list[Transition]:
    daemon = Daemon(facts=run_facts(params=TRAINER if params is None else params))
    daemon.follow(trace.points)
    return daemon.end(status)


def unfinished() -> Trace:
    return Trace().train([1.0] * 9)


def finished() -> Trace:
    return unfinished().close(9)


def only_evaluated() -> Trace:
    return Trace().log(0, eval_loss=1.0)


@pytest.mark.parametrize(
    ("trace", "status", "told"),
    [
        (finished(), "FINISHED", []),
        (finished().log(9, eval_loss=1.0), "FINISHED", []),
        (finished(), "KILLED", []),
        (unfinished(), "FINISHED", [(INCOMPLETE, "firing", 9)]),
        (unfinished(), "KILLED", [(INCOMPLETE, "firing", 9)]),
        (unfinished(), "FAILED", [(FAILED, "firing", 9)]),
        (finished(), "FAILED", [(FAILED, "firing", 9)]),
        (Trace(), "FINISHED", [(INCOMPLETE, "firing", None)]),
        (Trace(), "FAILED", [(FAILED, "firing", None)]),
        (only_evaluated(), "FINISHED", []),
        (only_evaluated().train([1.0]), "FINISHED", [(INCOMPLETE, "firing", 1)]),
        (finished().train([1.0], first=10), "FINISHED", [(INCOMPLETE, "firing", 10)]),
        (unfinished().log(9, train_runtime=1.0), "FINISHED", [(INCOMPLETE, "firing", 9)]),
        (unfinished().log(9, train_loss=1.0), "FINISHED", [(INCOMPLETE, "firing", 9)]),
    ],
)
def test_how_a_run_of_the_trainer_ended(
    trace: Trace, status: RunStatus, told: list[tuple[str, str, int | None]]
) -> None:
    assert shown(ended(trace, status)) == told


def test_runtime_logged_with_every_record_is_no_summary() -> None:
    trace = Trace()
    for step in range(1, 10):
        trace.log(step, loss=1.0, train_runtime=float(step))
    assert shown(ended(trace, "FINISHED")) == [(INCOMPLETE, "firing", 9)]


@pytest.mark.parametrize("status", ["FINISHED", "KILLED"])
def test_other_trainers_write_no_summary(status: RunStatus) -> None:
    assert ended(unfinished(), status, {"lr": "1"}) == []


def test_the_end_is_an_event_told_once_and_not_resolved() -> None:
    daemon = Daemon()
    daemon.follow(unfinished().points)
    (news,) = daemon.end()
    assert (news.event, news.severity, news.at) == (True, Severity.WARNING, daemon.now)
    assert news.summary == "the run is FINISHED but its trainer never finished"
    assert daemon.end() == []
    assert daemon.wait(HOUR) == []
    assert daemon.watch.firing() == []


def test_a_run_that_fails_twice_is_told_twice() -> None:
    daemon = Daemon()
    daemon.follow(unfinished().points)
    daemon.end("FAILED")
    daemon.feed(status="RUNNING", ended_at=None)
    daemon.follow(Trace(start=daemon.now).train([1.0], first=5).points)
    daemon.end("FAILED")
    assert [(t.key.rule, t.episode) for t in daemon.told] == [(FAILED, 1), (FAILED, 2)]
