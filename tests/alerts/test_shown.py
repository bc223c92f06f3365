"""A breach is shown for so long, and at its worst, that no scrape misses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts import signals
from alerts.model import Outcome, Severity
from alerts.rules import RULES
from alerts.shown import SHOWN_FOR
from alerts.signals import SIGNALS, Signal
from alerts.thresholds import AlertSettings, Rules, Thresholds
from alerts.view import RuleVerdict
from tests.support.engine import MLFLOW_DOWN, NAN, Station, losses, news, run_facts
from tests.support.notices import NOW

SETTINGS = AlertSettings(
    thresholds=Thresholds(max_loss_increase_pct=25.0, max_training_time_hours=1.0),
    rules=Rules.model_validate({"loss_increase": {"baseline": "previous"}}),
)


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path / "state.json", SETTINGS)


def shown(station: Station, rule: str = "loss_increase") -> list[RuleVerdict]:
    """Return what is shown of a rule, if anything."""
    view = station.engine.view(station.now)
    return [v for run in view.runs for v in run.verdicts if v.rule == rule]


def one(station: Station, rule: str = "loss_increase") -> RuleVerdict:
    """Return the one thing that is shown of a rule."""
    (found,) = shown(station, rule)
    return found


def log(station: Station, *values: float, after: float = 0.0) -> None:
    """Log losses, a second apart, up to the instant of the tick."""
    step = int(station.now - NOW + after) + 1
    first = station.now + after - len(values) + 1
    station.tick(news(losses(*values, step=step, at=first, every=1.0)), after=after)


def test_a_breach_that_is_over_at_once_is_shown_for_a_minute(station: Station) -> None:
    log(station, 1.0, 2.0, 1.0, after=10)
    assert one(station) == ("loss_increase", "", Outcome.BREACH, 100.0, Severity.WARNING, False)
    station.tick(after=SHOWN_FOR - 1)
    assert one(station) == ("loss_increase", "", Outcome.BREACH, 100.0, Severity.WARNING, False)
    station.tick(after=1)
    assert one(station) == ("loss_increase", "", Outcome.CLEAR, -50.0, None, False)


def test_the_worst_number_is_shown_not_the_newest(station: Station) -> None:
    log(station, 1.0, 1.5, after=10)
    log(station, 3.0, after=10)
    log(station, 4.0, after=10)
    assert one(station).value == 100.0
    station.tick(after=SHOWN_FOR - 11)
    assert one(station).value == 100.0
    station.tick(after=1)
    assert one(station).outcome is Outcome.BREACH
    assert one(station).value == pytest.approx(100 / 3)


def test_a_breach_that_goes_on_has_been_seen(station: Station) -> None:
    log(station, 1.0, NAN, after=10)
    log(station, NAN, after=200)
    log(station, *[1.0] * 20, after=20)
    assert one(station, "nonfinite").outcome is Outcome.CLEAR


def test_a_second_breach_is_shown_anew(station: Station) -> None:
    log(station, 1.0, 2.0, 1.0, after=10)
    log(station, 2.0, 1.0, after=100)
    station.tick(after=SHOWN_FOR - 1)
    assert one(station).outcome is Outcome.BREACH
    station.tick(after=1)
    assert one(station).outcome is Outcome.CLEAR


def test_what_is_unknown_leaves_a_breach_as_it_was(station: Station) -> None:
    log(station, 1.0, NAN, after=10)
    log(station, 1.0, after=300)
    assert one(station, "nonfinite")[2:4] == (Outcome.BREACH, 1.0)


def test_a_restart_goes_on_showing_it(station: Station) -> None:
    log(station, 1.0, 2.0, 1.0, after=10)
    before = one(station)
    station.restart()
    station.tick(after=10)
    assert one(station) == before
    station.tick(after=SHOWN_FOR)
    assert one(station).outcome is Outcome.CLEAR


def test_the_last_breach_of_a_run_outlives_it_for_a_minute(station: Station) -> None:
    log(station, 1.0)
    points = losses(2.0, step=5, at=NOW + 5)
    ended = run_facts(status="FINISHED", ended_at=NOW + 6)
    station.tick(news(points, ended), after=10)
    assert (one(station).outcome, one(station).severity) == (Outcome.BREACH, Severity.WARNING)
    station.tick(after=SHOWN_FOR)
    assert shown(station) == []


def test_an_event_is_shown_for_a_minute(station: Station) -> None:
    log(station, 1.0)
    station.tick(news((), run_facts(status="FAILED", ended_at=NOW + 5)), after=10)
    assert one(station, "run_failed").severity is Severity.CRITICAL
    station.tick(after=SHOWN_FOR)
    assert shown(station, "run_failed") == []


def test_what_was_over_before_anyone_watched_is_not_shown(station: Station) -> None:
    station.tick()
    old = run_facts(started_at=NOW - 1000)
    station.tick(news(losses(1.0, 2.0, 1.0, at=NOW - 900), old), after=10)
    assert one(station).outcome is Outcome.CLEAR


def test_a_number_beyond_its_limit_may_be_excused(station: Station) -> None:
    log(station, 0.001, 0.002, after=10)
    assert one(station) == ("loss_increase", "", Outcome.CLEAR, 100.0, None, True)


def test_clocks_stand_still_while_the_server_does_not_answer(station: Station) -> None:
    log(station, 1.0, 1.0, after=60)
    station.tick(after=100)
    (before,) = station.engine.view(station.now).runs
    station.tick(after=100, sources=(MLFLOW_DOWN,))
    (after,) = station.engine.view(station.now).runs
    assert before.silent_seconds == after.silent_seconds == 100
    assert before.training_seconds == after.training_seconds > 100


@pytest.mark.parametrize("signal", SIGNALS.values(), ids=SIGNALS)
def test_the_worse_of_two_numbers_is_further_beyond_any_limit(signal: Signal) -> None:
    for one, other in ((1.0, 2.0), (2.0, 1.0), (-1.0, -2.0)):
        worst = signal.worst(one, other)
        assert signal.is_beyond(worst, (one + other) / 2)
        assert not signal.is_beyond(one + other - worst, (one + other) / 2)


def test_every_signal_is_of_a_rule_about_runs_with_a_limit() -> None:
    for name, signal in SIGNALS.items():
        assert RULES[name].about == "run"
        assert bool(RULES[name].threshold) != (signal.limit is not None)


def test_no_metric_is_named_twice() -> None:
    others = [
        value for name, value in vars(signals).items() if name.isupper() and isinstance(value, str)
    ]
    names = [*others, *(signal.metric for signal in SIGNALS.values())]
    assert len(set(names)) == len(names)
