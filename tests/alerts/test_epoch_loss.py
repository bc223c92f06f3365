"""Epochs over which the training loss fell by too little."""

from __future__ import annotations

import math

import pytest

from alerts.model import Severity, Verdict
from alerts.rules import epoch_loss
from alerts.rules.epoch_loss import ACTION, NO_LEARNING
from tests.support.histories import (
    Daemon,
    Trace,
    answers,
    breaches,
    limits,
    outcomes,
    run_facts,
    settings,
)


def trace_of(*means: float, per_epoch: int = 4, first_epoch: int = 1) -> Trace:
    """Log epochs of constant loss, the last point of each at exactly k.0."""
    trace = Trace()
    for epoch, mean in enumerate(means, start=first_epoch):
        for point in range(1, per_epoch + 1):
            step = (epoch - 1) * per_epoch + point
            trace.log(step, loss=mean, epoch=epoch - 1 + point / per_epoch)
    return trace


def judged(trace: Trace, threshold: float = 5.0) -> list[tuple[int, Verdict]]:
    return answers(epoch_loss.judge, trace, limits(min_loss_decrease_per_epoch=threshold))


def told(trace: Trace) -> list[tuple[str, int | None, str, float | None]]:
    """Return state, step, severity and epoch of what is told of this rule until the run's end."""
    daemon = Daemon(settings(), run_facts(params={"a": "1"}))
    daemon.follow(trace.points)
    daemon.end()
    return [
        (t.state, t.step, t.severity.value, t.epoch)
        for t in daemon.told
        if t.key.rule == epoch_loss.NAME
    ]


def test_an_epoch_is_judged_at_the_first_point_of_the_next() -> None:
    found = judged(trace_of(2.0, 1.99, 1.98))
    assert breaches(found) == [9, 10, 11, 12]
    first = dict(found)[9]
    assert first.value == pytest.approx(0.5)
    assert (first.threshold, first.epoch, first.step) == (5.0, 2.0, 9)
    assert first.summary == "training loss fell 0.5 % over epoch 2 (mean 1.99)"


def test_a_rise_is_called_one() -> None:
    risen = dict(judged(trace_of(2.0, 5.0, 1.0)))[9]
    assert risen.value == pytest.approx(-150)
    assert risen.summary == "training loss rose 150 % over epoch 2 (mean 5)"


@pytest.mark.parametrize(
    ("second", "fell_enough"),
    [
        (95.0, True),
        (math.nextafter(95.0, 100), False),
        (94.0, True),
        (100.0, False),
        (110.0, False),
    ],
)
def test_a_fall_by_exactly_the_threshold_is_enough(second: float, *, fell_enough: bool) -> None:
    assert (breaches(judged(trace_of(100.0, second, 1.0))) == []) is fell_enough


@pytest.mark.parametrize(("threshold", "breach"), [(0.0, False), (-10.0, False), (0.1, True)])
def test_a_threshold_may_be_zero_or_less(threshold: float, *, breach: bool) -> None:
    assert bool(breaches(judged(trace_of(2.0, 2.0, 1.0), threshold))) is breach


def test_a_rise_of_a_negative_loss_is_a_rise() -> None:
    assert breaches(judged(trace_of(-2.0, -3.0, -3.01, -9.0)))[0] == 13


@pytest.mark.parametrize("means", [(0.0, 0.0, 1.0), (0.0, 5.0, 1.0)])
def test_an_epoch_at_zero_has_nothing_to_fall_from(means: tuple[float, ...]) -> None:
    assert judged(trace_of(*means))[-1][1].value == 0.0


def test_before_two_epochs_have_closed_it_says_nothing() -> None:
    assert judged(trace_of(2.0, 2.0)) == []


@pytest.mark.parametrize("thresholds", [{"min_loss_decrease_per_epoch": None}])
def test_without_a_threshold_it_says_nothing(thresholds: dict[str, None]) -> None:
    assert answers(epoch_loss.judge, trace_of(2.0, 2.0, 2.0), limits(**thresholds)) == []


def test_without_an_epoch_it_does_not_apply() -> None:
    assert set(outcomes(judged(Trace().train([2.0] * 20))).values()) == {"not_applicable"}


def test_without_an_epoch_the_steps_per_epoch_may_be_configured() -> None:
    under = limits({"steps_per_epoch": 4})
    trace = Trace().train([2.0] * 9)
    assert breaches(answers(epoch_loss.judge, trace, under)) == [9]


@pytest.mark.parametrize(
    ("means", "severity"),
    [((2.0, 1.99, 1.0), Severity.WARNING), ((4.0, 2.0, 1.99, 1.0), Severity.INFO)],
)
def test_up_to_the_second_epoch_it_is_a_warning(
    means: tuple[float, ...], severity: Severity
) -> None:
    first = next(v for _, v in judged(trace_of(*means)) if v.outcome == "breach")
    assert first.severity is severity


@pytest.mark.parametrize(
    ("means", "action"),
    [
        ((2.0, 1.99, 1.98), NO_LEARNING),
        ((2.0, 1.0, 0.99, 0.98), ACTION),
        ((100.0, 95.5, 95.0, 0.0), ACTION),
        ((100.0, 95.5, 95.1, 0.0), NO_LEARNING),
    ],
)
def test_with_hardly_any_fall_at_all_nothing_is_learnt(
    means: tuple[float, ...], action: str
) -> None:
    assert [v.action for _, v in judged(trace_of(*means)) if v.outcome == "breach"][-1] == action


def test_the_final_epoch_is_excused_once() -> None:
    assert told(trace_of(4.0, 2.0, 1.99)) == []


def test_a_second_stalled_epoch_in_a_row_is_told_though_it_is_the_last() -> None:
    assert told(trace_of(4.0, 2.0, 1.99, 1.98)) == [
        ("firing", 13, "info", 3.0),
        ("resolved", 16, "info", 4.0),
    ]


def test_the_last_epoch_is_closed_by_the_end_of_the_run() -> None:
    daemon = Daemon(settings(), run_facts(params={"a": "1"}))
    daemon.follow(trace_of(4.0, 2.0, 1.0).points)
    daemon.end()
    assert [epoch.mean for epoch in daemon.watch.history.epochs.closed] == [4.0, 2.0, 1.0]


def test_one_epoch_that_stalls_at_the_end_of_two_is_excused() -> None:
    assert told(trace_of(2.0, 2.0)) == []


def test_a_run_that_crashes_early_in_an_epoch_is_judged_by_the_whole_ones() -> None:
    trace = trace_of(4.0, 2.0, 1.0)
    assert told(trace.log(13, loss=1.0, epoch=3.25)) == []


def test_a_run_that_ended_and_was_resumed_is_judged_by_whole_epochs() -> None:
    daemon = Daemon(settings(), run_facts(params={"a": "1"}))
    trace = trace_of(4.0, 2.0, 1.0)
    part = Trace(start=trace.clock).log(13, loss=0.9, epoch=3.25)
    rest = Trace(start=trace.clock + 3_600)
    for point, loss in enumerate([0.9, 0.3, 0.3, 0.3]):
        rest.log(13 + point, loss=loss, epoch=3.25 + point / 4)
    rest.log(17, loss=0.2, epoch=4.25)
    daemon.follow(trace.points)
    daemon.follow(part.points)
    daemon.end("FAILED")
    daemon.feed(status="RUNNING", ended_at=None)
    daemon.follow(rest.points)
    assert [t for t in daemon.told if t.key.rule == epoch_loss.NAME] == []
    assert [e.mean for e in daemon.watch.history.epochs.closed] == [4.0, 2.0, 1.0, 0.45]


def test_a_new_fall_clears_it() -> None:
    found = outcomes(judged(trace_of(2.0, 1.99, 1.0, 0.5)))
    assert [found[step] for step in (9, 12, 13, 16)] == ["breach", "breach", "clear", "clear"]
