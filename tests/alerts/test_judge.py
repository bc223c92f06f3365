"""One run under watch: what is told of it, in which order, and when it is over."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from alerts.judge import Watch
from alerts.model import AlertKey, MetricPoint, RunUpdate, Subject
from alerts.rules import RULES, loss_increase
from alerts.rules.moment import Moment
from alerts.thresholds import LimitBook
from tests.support.histories import (
    CORE,
    EVERYTHING,
    NAN,
    START,
    TRAINER,
    Daemon,
    Trace,
    fired,
    levels,
    run_facts,
    settings,
    shown,
)

PLAIN: dict[str, Any] = {"params": {"a": "1"}}


def risen(after: int = 6) -> Trace:
    """Log a rise that fires at step 22."""
    return Trace().train(levels((20, 1.0), (after, 1.5)))


def falling(trace: Trace, first: int, count: int = 30) -> Trace:
    """Log on at the level before the rise."""
    return trace.train([1.0] * count, first=first)


# Life


def test_a_healthy_run_has_nothing_to_tell() -> None:
    daemon = Daemon()
    trace = Trace()
    for step in range(1, 101):
        trace.log(step, loss=3.0 - step / 50, grad_norm=1.0, epoch=step / 50)
        if step % 20 == 0:
            trace.log(step, eval_loss=3.0 - step / 50, epoch=step / 50)
    daemon.follow(trace.close(100).points)
    daemon.end()
    assert daemon.told == []
    assert daemon.watch.ended


def test_an_alert_ends_with_its_run_and_is_placed_where_the_run_ended() -> None:
    daemon = Daemon(facts=run_facts(**PLAIN))
    daemon.follow(risen().points)
    daemon.now += 5
    (told,) = daemon.end()
    assert (told.state, told.reason, told.step, told.at) == (
        "resolved",
        "run_ended",
        26,
        daemon.now,
    )


def test_the_end_is_dated_by_the_server_but_never_before_the_last_point() -> None:
    for ended_at, at in [(None, START + 999), (START + 300, START + 300), (START, START + 260)]:
        daemon = Daemon(facts=run_facts(**PLAIN), now=START + 999)
        daemon.feed(risen().points)
        (told,) = daemon.feed(status="FINISHED", ended_at=ended_at)
        assert told.at == at


def test_a_firing_is_dated_by_its_point_however_late_it_is_read() -> None:
    trace = risen()
    daemon = Daemon(now=trace.clock + 9_999)
    (told,) = daemon.feed(trace.points)
    assert (told.step, told.at) == (22, START + 220)


def test_an_alert_recovers_five_minutes_after_its_condition_went() -> None:
    daemon = Daemon()
    daemon.follow(falling(risen(), 27, count=2).points)
    assert daemon.wait(299) == []
    (told,) = daemon.wait(60)
    assert (told.key.rule, told.state, told.reason) == ("loss_increase", "resolved", "recovered")


def test_a_deleted_run_ends_its_alerts_and_is_over() -> None:
    daemon = Daemon()
    daemon.feed(risen().points)
    gone = RunUpdate(daemon.facts, (), daemon.now, deleted=True)
    told = daemon.watch.update(gone, daemon.moment)
    assert [(t.state, t.reason) for t in told] == [("resolved", "deleted")]
    assert daemon.watch.ended


def test_points_that_come_with_the_end_are_judged() -> None:
    daemon = Daemon(facts=run_facts(**PLAIN))
    daemon.feed(risen().points[:20])
    told = daemon.feed(risen().points, status="FINISHED", ended_at=START + 400)
    assert shown(told) == [("loss_increase", "firing", 22), ("loss_increase", "resolved", 26)]


def test_points_that_trickle_in_after_the_end_leave_nothing_firing() -> None:
    daemon = Daemon(facts=run_facts(**PLAIN))
    daemon.feed(risen().points[:20])
    daemon.end()
    told = daemon.feed(risen().points)
    assert shown(told) == [("loss_increase", "firing", 22), ("loss_increase", "resolved", 26)]
    assert daemon.watch.firing() == []


def test_a_run_that_goes_on_after_its_end_is_watched_again() -> None:
    daemon = Daemon(facts=run_facts(**PLAIN))
    daemon.feed(risen().points)
    daemon.end()
    daemon.feed(status="RUNNING", ended_at=None)
    assert not daemon.watch.ended
    again = Trace(start=START + 3_600).train(levels((12, 1.0), (6, 1.5)), first=11)
    daemon.follow(again.points)
    told = [(t.state, t.step, t.episode) for t in daemon.told]
    assert told == [("firing", 22, 1), ("resolved", 26, 1), ("firing", 24, 2)]


def test_a_stall_is_given_up_after_a_day() -> None:
    daemon = Daemon()
    daemon.follow(Trace().train([1.0] * 9).points)
    daemon.wait(660)
    daemon.now += 86_399
    assert not daemon.watch.given_up(daemon.moment)
    daemon.now += 1
    assert daemon.watch.given_up(daemon.moment)
    told = daemon.watch.close("given_up", daemon.now)
    assert [(t.state, t.reason) for t in told] == [("resolved", "given_up")]


def test_a_run_of_which_no_stall_is_told_is_given_up_too() -> None:
    daemon = Daemon(settings({"run_stalled": {"enabled": False}}))
    daemon.follow(Trace().train([1.0] * 9).points)
    daemon.now += 86_400 + 599
    assert not daemon.watch.given_up(daemon.moment)
    daemon.now += 1
    assert daemon.watch.given_up(daemon.moment)


# Leftovers


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_nothing_is_told_of_what_an_evaluation_left_behind(status: str) -> None:
    daemon = Daemon(facts=run_facts(params={}))
    daemon.follow(Trace().log(0, eval_loss=NAN).log(1, eval_loss=9.0).points)
    daemon.wait(7_200)
    daemon.end(status)
    daemon.wait(7_200)
    assert daemon.told == []


def test_what_looked_like_a_leftover_is_judged_once_it_trains() -> None:
    daemon = Daemon(facts=run_facts(params={}))
    daemon.follow(Trace().log(0, eval_loss=9.0).train(risen_losses(), first=1).points)
    assert fired(daemon.told) == [22]


def risen_losses() -> list[float]:
    return levels((20, 1.0), (6, 1.5))


# Pending


def test_a_breach_must_last_for_as_long_as_the_user_says() -> None:
    daemon = Daemon(settings({"loss_increase": {"for": "2m"}}))
    daemon.follow(risen(after=3).points)
    assert [alert.state for alert in daemon.watch.alerts.values()] == ["pending"]
    assert daemon.wait(50, every=10) == []
    told = daemon.wait(120, every=10)
    assert shown(told) == [("loss_increase", "firing", 23)]
    assert told[0].at == START + 220 + 120


def test_what_is_pending_does_not_ripen_while_the_server_is_down_or_the_run_is_stalled() -> None:
    daemon = Daemon(settings({"loss_increase": {"for": "20m"}}))
    daemon.follow(risen(after=3).points)
    daemon.listening_since = None
    assert daemon.wait(1_800) == []
    daemon.listening_since = daemon.now - 700
    assert shown(daemon.wait(60)) == [("run_stalled", "firing", 23)]


def test_what_is_pending_when_the_run_ends_was_nothing() -> None:
    daemon = Daemon(settings({"loss_increase": {"for": "5m"}}), run_facts(**PLAIN))
    daemon.follow(risen().points)
    assert daemon.end() == []
    daemon.feed(status="RUNNING", ended_at=None)
    daemon.follow(Trace(start=daemon.now).train([1.5], first=27).points)
    assert [(t.key.rule, t.episode) for t in daemon.wait(540)] == [("loss_increase", 1)]


# Configuration


def test_a_rule_that_is_switched_off_ends_its_alerts() -> None:
    daemon = Daemon()
    daemon.feed(risen().points)
    off = LimitBook(settings({"loss_increase": {"enabled": False}}))
    told = daemon.watch.reconfigure(off, daemon.now)
    assert [(t.state, t.reason) for t in told] == [("resolved", "rule_removed")]
    assert "loss_increase" not in {rule for rule, _ in daemon.watch.verdicts}
    assert daemon.feed(Trace(start=START + 900).train([9.0] * 9, first=40).points) == []


def test_a_new_threshold_holds_from_the_next_point_on() -> None:
    daemon = Daemon()
    daemon.feed(risen().points)
    daemon.watch.reconfigure(LimitBook(settings(max_loss_increase_pct=80.0)), daemon.now)
    daemon.follow(Trace(start=START + 900).train([1.5], first=27).points)
    assert [t.reason for t in daemon.wait(360)] == ["recovered"]


def test_steps_per_epoch_can_be_told_while_a_run_goes_on() -> None:
    daemon = Daemon()
    daemon.feed(Trace().train([2.0] * 4).points)
    daemon.watch.reconfigure(LimitBook(settings({"steps_per_epoch": 4})), daemon.now)
    daemon.follow(Trace(start=START + 900).train([2.0] * 9, first=5).points)
    assert fired(daemon.told, "epoch_loss_stall") == [13]


@pytest.mark.parametrize("rule", sorted(CORE))
def test_a_rule_that_is_disabled_tells_nothing(rule: str) -> None:
    config = settings({rule: {"enabled": False}}, max_training_time_hours=0.01)
    daemon = Daemon(config)
    trace = Trace().train(levels((20, 1.0), (6, 1.5)))
    for step, loss in enumerate([3.0, 3.1, 3.2, 3.3], start=27):
        trace.log(step, loss=1.5, epoch=float(step)).log(step, eval_loss=loss)
    trace.log(31, loss=NAN)
    daemon.follow(trace.points)
    daemon.wait(1_200)
    daemon.end("FAILED" if rule == "run_incomplete" else "FINISHED")
    told = {t.key.rule for t in daemon.told}
    expected = {name for name in CORE if RULES[name].about == "run"} - {rule}
    expected -= {"run_incomplete" if rule == "run_incomplete" else "run_failed"}
    assert told == expected


# First sight


def test_only_what_still_holds_is_told_of_a_run_that_was_there_before() -> None:
    daemon = Daemon()
    daemon.feed(falling(risen(), 27).log(60, loss=1.0).log(60, eval_loss=9.0).points)
    daemon.told.clear()
    told = daemon.watch.still_so()
    assert [(t.key.rule, t.already_so) for t in told] == [("eval_loss_gap", True)]
    assert [alert.already_so for alert in daemon.watch.firing()] == [True]
    assert daemon.wait(600) == []


def test_what_another_alert_explains_is_muted_at_first_sight_too() -> None:
    daemon = Daemon()
    daemon.feed(risen().log(27, eval_loss=9.0).log(28, loss=NAN).points)
    told = {t.key.rule: t.inhibited_by for t in daemon.watch.still_so()}
    assert told == {"loss_increase": "nonfinite", "eval_loss_gap": "nonfinite", "nonfinite": None}


# Muting


def test_alerts_that_another_explains_are_marked_and_so_is_their_end() -> None:
    trace = Trace().train(levels((20, 1.0))).log(20, eval_loss=1.0)
    trace.log(21, loss=9.0, grad_norm=NAN).log(21, eval_loss=NAN)
    trace.train([9.0] * 4, first=22)
    daemon = Daemon(facts=run_facts(**PLAIN))
    daemon.follow(trace.points)
    daemon.end()
    assert [(t.key.rule, t.state, t.inhibited_by) for t in daemon.told] == [
        ("nonfinite", "firing", None),
        ("loss_increase", "firing", "nonfinite"),
        ("nonfinite", "resolved", None),
        ("loss_increase", "resolved", "nonfinite"),
    ]


def test_alerts_of_the_same_record_mute_one_another_whatever_their_order() -> None:
    trace = Trace().train(levels((20, 1.0), (1, 1.5))).log(22, loss=1.5, grad_norm=NAN)
    daemon = Daemon()
    daemon.follow(trace.points)
    assert {t.key.rule: t.inhibited_by for t in daemon.told} == {
        "nonfinite": None,
        "loss_increase": "nonfinite",
    }


def test_what_fires_outside_mutes_what_time_tells() -> None:
    daemon = Daemon()
    daemon.follow(Trace().train([1.0] * 9).points)
    daemon.now += 660
    down = AlertKey("source_down", Subject("source", "mlflow", "n"))
    (told,) = daemon.watch.tick(daemon.moment, [down])
    assert (told.key.rule, told.inhibited_by) == ("run_stalled", "source_down")


# Robustness


def test_a_rule_that_fails_is_logged_once_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr("alerts.judge.ON_RECORD", (broken, loss_increase.judge))
    watch = Watch(run_facts(), LimitBook(settings()))
    with caplog.at_level(logging.ERROR):
        told = watch.update(RunUpdate(run_facts(), tuple(risen().points), START), Moment(START))
    assert fired(told) == [22]
    assert len(caplog.records) == 1


@pytest.mark.parametrize("value", [5e-324, 1.7e308, -1.7e308, 0.0, NAN])
def test_extreme_values_are_judged_by_every_rule(value: float) -> None:
    trace = Trace()
    for step in range(1, 60):
        loss = value if step % 3 else 1.0
        trace.log(step, loss=loss, grad_norm=loss, epoch=step / 5, learning_rate=loss)
        trace.log(step, eval_loss=loss, eval_qa_loss=-loss)
    facts = run_facts(params={**TRAINER, "gradient_accumulation_steps": "2"})
    daemon = Daemon(EVERYTHING, facts)
    daemon.follow(trace.points)
    daemon.restart()
    daemon.wait(7_200)
    daemon.end("FAILED")


@pytest.mark.parametrize("step", [-(2**63), -3, 2**63 - 1])
def test_extreme_steps_are_judged_by_every_rule(step: int) -> None:
    daemon = Daemon(EVERYTHING)
    daemon.follow([MetricPoint(m, step, 0.0, 1.0) for m in ("loss", "eval_loss", "epoch")])
    daemon.follow(Trace(start=0.0).train([1.0] * 9, first=max(step - 9, -(2**63))).points)
    daemon.end()
