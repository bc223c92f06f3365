"""Whether, and how fast, a run learns; and gradients that explode."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from alerts.model import Severity, Verdict
from alerts.rules.learning import judge_fast_fall, judge_gradients, judge_underfit
from tests.support.histories import (
    INF,
    NAN,
    TRAINER,
    Trace,
    answers,
    breaches,
    levels,
    outcomes,
    run_facts,
)

PER_EPOCH = 20


def trained(losses: list[float], evals: Mapping[int, float] = {}, rate: float = 1e-4) -> Trace:
    """Log losses at steps 1, 2, ... of epochs of twenty, and evaluations at some steps."""
    trace = Trace()
    for step, loss in enumerate(losses, start=1):
        trace.log(step, loss=loss, epoch=step / PER_EPOCH, learning_rate=rate)
        if step in evals:
            trace.log(step, eval_loss=evals[step])
    return trace


def underfits(trace: Trace) -> list[int]:
    return breaches(answers(judge_underfit, trace))


# Underfitting


def test_after_an_epoch_that_taught_nothing_it_is_told() -> None:
    assert underfits(trained([2.0] * 40))[0] == PER_EPOCH


@pytest.mark.parametrize(("level", "told"), [(1.91, True), (1.89, False)])
def test_a_fall_of_five_percent_is_learning(level: float, *, told: bool) -> None:
    found = underfits(trained(levels((3, 2.0), (37, level))))
    assert bool(found) is told


@pytest.mark.parametrize(
    ("evals", "told"),
    [({}, True), ({10: 2.0, 19: 1.99}, True), ({10: 2.0, 19: 1.97}, False), ({10: 2.0}, True)],
)
def test_validation_that_improves_by_one_percent_is_learning(
    evals: dict[int, float], *, told: bool
) -> None:
    assert bool(underfits(trained([2.0] * 40, evals))) is told


def test_what_falls_later_is_no_longer_underfit() -> None:
    found = outcomes(answers(judge_underfit, trained(levels((30, 2.0), (30, 1.0)))))
    assert (found[19], found[25], found[40]) == ("unknown", "breach", "clear")


def test_it_says_how_far_it_came() -> None:
    news = answers(judge_underfit, trained(levels((3, 2.0), (37, 1.96))))[-1][1]
    assert (news.severity, news.value, news.threshold) == (Severity.WARNING, 98.0, 95.0)
    assert news.summary == "the best training loss so far, 1.96, is 98 % of where it began"


def slow(evals: tuple[float, ...], rate: float, points: int = 60) -> Trace:
    """Log less than one epoch, evaluated every fifteen points."""
    trace = Trace()
    for step in range(1, points + 1):
        trace.log(step, loss=2.0, epoch=step / 1_000, learning_rate=rate)
        if step % 15 == 0 and step // 15 <= len(evals):
            trace.log(step, eval_loss=evals[step // 15 - 1])
    return trace


@pytest.mark.parametrize(
    ("evals", "rate", "told"),
    [
        ((2.0, 1.999, 1.998), 1e-6, [50]),
        # Near misses: validation moves, is seen twice only, or the rate is a usual one.
        ((2.0, 1.995, 1.99), 1e-6, []),
        ((2.0, 1.999), 1e-6, []),
        ((2.0, 1.999, 1.998), 1e-4, []),
        ((), 1e-6, []),
    ],
)
def test_before_an_epoch_a_tiny_learning_rate_is_told_that_changes_nothing(
    evals: tuple[float, ...], rate: float, told: list[int]
) -> None:
    assert underfits(slow(evals, rate))[:1] == told


def test_the_highest_learning_rate_counts_not_the_last() -> None:
    trace = slow((2.0, 1.999, 1.998), 1e-6)
    trace.points[:] = [
        p._replace(value=1e-3) if p.metric == "learning_rate" and p.step == 5 else p
        for p in trace.points
    ]
    assert underfits(trace) == []


# A fast fall, then nothing


def fast_falls(losses: list[float], evals: Mapping[int, float] = {}) -> list[int]:
    return breaches(answers(judge_fast_fall, trained(losses, evals)))


def test_a_fall_in_the_first_fifth_and_an_epoch_of_nothing_are_told() -> None:
    assert fast_falls(levels((5, 3.0), (75, 1.0)))[0] == 61


@pytest.mark.parametrize(
    "losses",
    [
        levels((50, 3.0), (30, 1.0)),
        [3.0 - 2 * n / 80 for n in range(80)],
        levels((5, 3.0), (35, 1.0)),
        levels((80, 1.0)),
        levels((5, 1.0), (75, 3.0)),
    ],
)
def test_a_late_steady_short_or_no_fall_is_none(losses: list[float]) -> None:
    assert fast_falls(losses) == []


@pytest.mark.parametrize(("last", "told"), [(1.009, True), (1.011, False)])
def test_validation_must_be_near_its_best(last: float, *, told: bool) -> None:
    assert bool(fast_falls(levels((5, 3.0), (75, 1.0)), {30: 1.0, 60: last})) is told


# Gradients


def graded(norms: list[float], **params: str) -> list[tuple[int, Verdict]]:
    trace = Trace()
    for step, norm in enumerate(norms, start=1):
        trace.log(step, loss=1.0, grad_norm=norm)
    return answers(judge_gradients, trace, facts=run_facts(params={**TRAINER, **params}))


def test_a_norm_ten_times_its_best_level_is_told_at_the_third_such_point() -> None:
    found = graded(levels((20, 1.0), (5, 11.0)))
    assert breaches(found) == [23, 24, 25]
    assert (found[-1][1].value, found[-1][1].threshold) == (11.0, 10.0)


@pytest.mark.parametrize(
    ("norms", "params"),
    [
        (levels((20, 1.0), (5, 10.0)), {}),
        (levels((20, 1.0), (2, 99.0), (9, 1.0)), {}),
        (levels((20, 0.05), (5, 1.0)), {}),
        (levels((20, 1.0), (5, 19.0)), {"max_grad_norm": "20"}),
        (levels((9, 1.0)), {}),
        (levels((20, 0.0), (5, 9.0)), {}),
        ([1.0, NAN, INF] * 9, {}),
    ],
)
def test_what_is_no_explosion(norms: list[float], params: dict[str, str]) -> None:
    assert breaches(graded(norms, **params)) == []


def test_any_other_clipping_norm_is_none() -> None:
    assert breaches(graded(levels((20, 1.0), (5, 19.0)), max_grad_norm="None")) != []


def test_it_is_over_below_three_times_the_best() -> None:
    found = outcomes(graded(levels((20, 1.0), (5, 11.0), (5, 5.0), (5, 2.9))))
    assert (found[25], found[30], found[35]) == ("breach", "unknown", "clear")
