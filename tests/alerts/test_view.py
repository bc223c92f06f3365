"""What the engine shows of itself: signals, alerts, and what a message says about a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.model import Extremum, MetricPoint, Outcome
from alerts.rules.moment import Moment
from alerts.thresholds import AlertSettings, Rules, RuleTuning
from alerts.view import TAIL, json_number, run_context, run_view
from tests.support.engine import NAN, SETTINGS, Station, losses, memory, news, run_facts
from tests.support.notices import NOW

EPOCHS = tuple(MetricPoint("epoch", step, NOW + 60 * (step - 1), step / 4) for step in range(1, 9))
EVALS = (
    *losses(0.9, 0.8, 1.0, 1.1, step=2, at=NOW + 60, metric="eval_loss"),
    *losses(2.0, step=5, at=NOW + 240, metric="eval_code_loss"),
)
SIDES = (
    MetricPoint("learning_rate", 8, NOW + 420, 2e-5),
    MetricPoint("grad_norm", 8, NOW + 420, 1.5),
)
TRAINED = losses(2.0, 1.5, 1.2, 1.0, 0.9, 0.8, 0.7, 0.6)
LIVE = (*TRAINED, *EPOCHS, *EVALS, *SIDES)


@pytest.fixture
def station(tmp_path: Path) -> Station:
    station = Station(tmp_path / "state.json")
    facts = run_facts(params={"save_strategy": "steps", "save_steps": "1"})
    station.tick(news(LIVE, facts), after=420)
    return station


def test_a_run_shows_where_it_stands(station: Station) -> None:
    station.tick(after=30)
    (shown,) = station.engine.view(station.now).runs
    assert shown.facts.run_id == "run-1"
    assert shown.loss == 0.6
    assert [(e.eval_set, e.loss, e.best) for e in shown.evals] == [
        ("", 1.1, Extremum(3, 0.8)),
        ("code", 2.0, Extremum(5, 2.0)),
    ]
    assert shown.silent_seconds == 30
    assert shown.training_seconds == 450


def test_silence_grows_with_the_clock_alone(station: Station) -> None:
    watch = station.engine._runs.get("run-1")
    assert watch is not None
    heard = NOW + 420
    later = [Moment(heard + wait, listening_since=NOW) for wait in (0, 10, 600)]
    assert [run_view(watch, moment).silent_seconds for moment in later] == [0, 10, 600]
    assert run_view(watch, Moment(heard + 10)).silent_seconds == 0, "nobody answers"


def test_verdicts_have_the_number_that_was_compared(station: Station) -> None:
    (shown,) = station.engine.view(station.now).runs
    verdicts = {(v.rule, v.eval_set): (v.outcome, v.value) for v in shown.verdicts}
    gap = pytest.approx(2.0 - (2.0 + 1.5 + 1.2 + 1.0 + 0.9) / 5)
    expected = {
        ("eval_loss_rising", ""): (Outcome.CLEAR, 2),
        ("nonfinite", ""): (Outcome.CLEAR, 0),
        ("eval_loss_gap", "code"): (Outcome.BREACH, gap),
    }
    assert {where: verdicts[where] for where in expected} == expected


def test_a_rule_that_is_off_shows_no_verdict(tmp_path: Path) -> None:
    off = Rules(eval_loss_gap=RuleTuning(enabled=False))
    settings = AlertSettings(thresholds=SETTINGS.thresholds, rules=off)
    station = Station(tmp_path / "other.json", settings)
    station.tick(news(LIVE))
    view = station.engine.view(station.now)
    assert "eval_loss_gap" not in {verdict.rule for verdict in view.runs[0].verdicts}
    assert "eval_loss_gap" not in view.thresholds


def test_alerts_of_runs_name_their_run_and_others_do_not(station: Station) -> None:
    station.tick(gpus=(memory(99, station.now),))
    shown = {
        (alert.alert.key.rule, alert.alert.key.eval_set, alert.alert.state): alert.run
        for alert in station.engine.view(station.now).alerts
    }
    run = run_facts(params={"save_strategy": "steps", "save_steps": "1"})
    assert shown["eval_loss_gap", "code", "firing"] == run
    assert shown["gpu_memory_high", "", "pending"] is None


def test_deliveries_are_counted_by_channel(station: Station) -> None:
    undelivered = station.engine.view(station.now).undelivered["chat"]
    sent = len(station.deliver())
    view = station.engine.view(station.now)
    assert (undelivered, view.undelivered["chat"]) == (sent, 0)
    assert view.deliveries["chat", "delivered"] == sent > 0


def test_a_message_knows_the_run_as_of_sending(station: Station) -> None:
    watch = station.engine._runs.get("run-1")
    assert watch is not None
    context = run_context(watch, "")
    assert (context.step, context.epoch) == (8, 2.0)
    assert (context.loss, context.eval_loss) == (0.6, 1.1)
    assert (context.learning_rate, context.grad_norm) == (2e-5, 1.5)
    assert context.train_tail == (2.0, 1.5, 1.2, 1.0, 0.9, 0.8, 0.7, 0.6)
    assert context.eval_tail == (0.9, 0.8, 1.0, 1.1)
    assert context.best_eval == Extremum(3, 0.8)
    assert "checkpoint-3" in context.checkpoint
    assert context.resumed_at is None
    assert run_context(watch, "code").best_eval == Extremum(5, 2.0)
    assert run_context(watch, "gone").best_eval == Extremum(3, 0.8)


def test_a_message_about_a_run_that_said_nothing_yet_is_empty(tmp_path: Path) -> None:
    station = Station(tmp_path / "other.json")
    station.tick(news())
    watch = station.engine._runs.get("run-1")
    assert watch is not None
    context = run_context(watch, "")
    assert (context.step, context.epoch, context.loss, context.best_eval) == (None,) * 4
    assert (context.train_tail, context.eval_tail, context.checkpoint) == ((), (), "")


def test_a_message_draws_no_more_than_the_last_points(tmp_path: Path) -> None:
    station = Station(tmp_path / "other.json")
    station.tick(news(losses(*[1.0] * (TAIL + 10), NAN)))
    watch = station.engine._runs.get("run-1")
    assert watch is not None
    assert len(run_context(watch, "").train_tail) == TAIL


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.5, 1.5),
        (0, 0),
        (None, None),
        (float("nan"), "NaN"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
    ],
)
def test_numbers_that_json_cannot_hold_are_spelt(
    value: float | None, shown: float | str | None
) -> None:
    assert json_number(value) == shown
