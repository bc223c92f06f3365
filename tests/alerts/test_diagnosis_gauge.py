"""One word for how a run does."""

from __future__ import annotations

import pytest

from alerts.rules import RULES
from alerts.rules.moment import Moment
from alerts.rules.overall import DIAGNOSES, GRAVEST_FIRST, HEALTHY, UNDECIDED, diagnose
from alerts.view import ended_view, run_view
from tests.support.histories import NAN, Daemon, Trace, history_of, new_history, settings


def evaluated(*pairs: tuple[float, float], name: str = "eval_loss") -> Trace:
    """Log training and validation losses at steps 10, 20, ..."""
    trace = Trace()
    for step, (loss, evaluation) in enumerate(pairs, start=1):
        trace.log(step * 10, loss=loss).log(step * 10, {name: evaluation})
    return trace


FALLING = ((2.0, 2.0), (1.8, 1.9), (1.6, 1.8), (1.4, 1.7))


def test_every_diagnosis_is_a_rule_or_says_that_there_is_none() -> None:
    assert set(GRAVEST_FIRST) <= set(RULES)
    assert DIAGNOSES[-2:] == (HEALTHY, UNDECIDED)


@pytest.mark.parametrize("index", range(len(GRAVEST_FIRST)))
def test_the_gravest_that_holds_is_named(index: int) -> None:
    history = history_of(evaluated(*FALLING))
    assert diagnose(history, GRAVEST_FIRST[index:]) == GRAVEST_FIRST[index]


def test_other_alerts_are_no_diagnosis() -> None:
    assert diagnose(new_history(), {"loss_increase", "run_stalled", "loss_spike"}) == UNDECIDED


@pytest.mark.parametrize(
    ("pairs", "word"),
    [
        (FALLING, HEALTHY),
        # Fewer than four evaluations, and curves that do not both fall.
        (FALLING[:3], UNDECIDED),
        ((), UNDECIDED),
        ((*FALLING[:3], (1.4, NAN)), UNDECIDED),
        (((2.0, 2.0), (2.0, 1.9), (2.0, 1.8), (2.0, 1.7)), UNDECIDED),
        (((2.0, 2.0), (1.8, 2.0), (1.6, 2.0), (1.4, 2.0)), UNDECIDED),
    ],
)
def test_healthy_is_a_run_of_which_both_losses_fall(
    pairs: tuple[tuple[float, float], ...], word: str
) -> None:
    assert diagnose(history_of(evaluated(*pairs)), ()) == word


def test_every_set_must_fall() -> None:
    trace = evaluated(*FALLING, name="eval_a_loss")
    for point in evaluated(*[(loss, 2.0) for loss, _ in FALLING], name="eval_b_loss").points:
        if point.metric == "eval_b_loss":
            trace.points.append(point)
    assert diagnose(history_of(trace), ()) == UNDECIDED


def test_a_view_shows_what_holds_now_and_nothing_of_a_run_that_ended() -> None:
    daemon = Daemon(settings({"early_stop": {"enabled": True}}))

    def shown() -> str:
        return run_view(daemon.watch, Moment(daemon.now)).diagnosis

    assert shown() == UNDECIDED
    daemon.follow(evaluated(*FALLING).points)
    assert shown() == HEALTHY
    trace = Trace(start=daemon.now)
    for step in (50, 60, 70):
        trace.log(step, loss=1.4).log(step, eval_loss=1.7)
    daemon.follow(trace.points)
    assert shown() == "early_stop"
    # It fires on for a while after its condition went, but the run is past it.
    daemon.follow(Trace(start=daemon.now).log(80, loss=1.3).log(80, eval_loss=1.5).points)
    assert daemon.watch.firing()
    assert shown() != "early_stop"
    daemon.end()
    ended = ended_view(daemon.watch, daemon.moment)
    assert ended is None or ended.diagnosis == ""
