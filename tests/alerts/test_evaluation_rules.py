"""What validation losses say: the gap to the training loss, and rises in a row."""

from __future__ import annotations

import math
from typing import Any

import pytest

from alerts.model import Severity, Verdict
from alerts.rules.evaluation import GAP, RISING, judge_gap, judge_rising
from tests.support.histories import (
    INF,
    NAN,
    TRAINER,
    Daemon,
    Trace,
    answers,
    breaches,
    fired,
    limits,
    outcomes,
    run_facts,
)

Judged = list[tuple[int, Verdict]]


def gaps(trace: Trace, threshold: float = 0.1, **params: str) -> Judged:
    facts = run_facts(params={**TRAINER, **params})
    return answers(judge_gap, trace, limits(max_val_loss_diff=threshold), facts)


def rises(trace: Trace, threshold: int = 3) -> Judged:
    return answers(judge_rising, trace, limits(max_val_loss_increase=threshold))


def evaluated(*losses: float, metric: str = "eval_loss") -> Trace:
    """Log one training point and one evaluation at steps 10, 20, ..."""
    trace = Trace()
    for step, loss in enumerate(losses, start=1):
        trace.log(step * 10, loss=1.0).log(step * 10, {metric: loss})
    return trace


# The gap


@pytest.mark.parametrize(
    ("evaluation", "outcome"),
    [
        (1.5, "clear"),
        (math.nextafter(1.5, 2), "breach"),
        (0.1, "clear"),
        (NAN, "unknown"),
        (INF, "unknown"),
    ],
)
def test_the_gap_is_told_when_it_is_more_than_the_threshold(
    evaluation: float, outcome: str
) -> None:
    trace = Trace().train([1.5, 0.5]).log(2, eval_loss=evaluation)
    assert outcomes(gaps(trace, threshold=0.5)) == {2: outcome}


def test_a_gap_is_judged_at_each_evaluation_and_nowhere_else() -> None:
    found = gaps(evaluated(1.0, 1.2, 1.05))
    assert [(step, v.outcome.value) for step, v in found] == [
        (10, "clear"),
        (20, "breach"),
        (30, "clear"),
    ]


def test_it_says_what_was_compared() -> None:
    trace = Trace().log(5, loss=3.0).log(10, loss=1.0, epoch=0.5).log(10, eval_loss=4.0, epoch=0.5)
    ((_, found),) = gaps(trace)
    assert (found.value, found.threshold, found.step, found.epoch) == (2.0, 0.1, 10, 0.5)
    assert found.evidence == {
        "eval_loss": 4.0,
        "train_mean": 2.0,
        "best_eval_loss": 4.0,
        "best_eval_step": 10,
    }
    assert found.summary == "validation loss 4 is 2 above the training loss 2"


def test_an_evaluation_without_training_before_it_is_unknown() -> None:
    trace = Trace().log(0, eval_loss=9.0).log(1, loss=1.0).log(1, eval_loss=1.0)
    assert outcomes(gaps(trace)) == {0: "unknown", 1: "clear"}


def test_each_set_has_a_gap_of_its_own() -> None:
    trace = Trace()
    for step in (10, 20):
        trace.log(step, loss=1.0).log(step, eval_docs_loss=1.0, eval_qa_loss=2.0, eval_loss=1.0)
    found = {(v.eval_set, v.outcome.value) for _, v in gaps(trace)}
    assert found == {("", "clear"), ("docs", "clear"), ("qa", "breach")}


@pytest.mark.parametrize("threshold", [-1.0, 0.0])
def test_a_gap_threshold_may_be_zero_or_less(threshold: float) -> None:
    assert breaches(gaps(evaluated(1.5), threshold)) == [10]
    assert breaches(gaps(evaluated(threshold + 1.0), threshold)) == []


def scaled(*ratios: float) -> Trace:
    """Log training losses that are so many times the evaluation that follows."""
    trace = Trace()
    for step, ratio in enumerate(ratios, start=1):
        trace.log(step, loss=9.0).log(step, loss=ratio).log(step, eval_loss=1.0)
    return trace


@pytest.mark.parametrize(
    ("ratios", "outcome"),
    [
        ((4.0,), ["unknown"]),
        ((4.0, 4.0, 4.0, 1.0), ["unknown", "unknown", "not_applicable", "not_applicable"]),
        ((4.5, 3.5, 4.0), ["unknown", "unknown", "not_applicable"]),
        ((4.0, 4.0, 4.7), ["unknown", "unknown", "clear"]),
        ((4.0, 4.0, 3.3, 4.0), ["unknown", "unknown", "clear", "clear"]),
        ((1.0, 4.0, 4.0, 4.0), ["clear", "clear", "clear", "clear"]),
    ],
)
def test_a_training_loss_summed_over_accumulation_is_not_compared(
    ratios: tuple[float, ...], outcome: list[str]
) -> None:
    found = gaps(scaled(*ratios), gradient_accumulation_steps="4")
    assert [v.outcome.value for _, v in found] == outcome


@pytest.mark.parametrize(
    "param",
    ["1", "0", "-4", "", "abc", "²", "1" * 5_000, "nan", "inf", "1e999", "None", "4,0", "3.0"],
)
def test_any_other_accumulation_means_that_the_loss_is_comparable(param: str) -> None:
    found = gaps(scaled(4.0, 4.0, 4.0), gradient_accumulation_steps=param)
    assert {v.outcome.value for _, v in found} == {"clear"}


@pytest.mark.parametrize("param", ["4", "4.0", " 4 "])
def test_the_accumulation_is_read_as_it_is_logged(param: str) -> None:
    found = gaps(scaled(4.0, 4.0, 4.0), gradient_accumulation_steps=param)
    assert found[-1][1].outcome == "not_applicable"


# Rises in a row


@pytest.mark.parametrize(
    ("losses", "told"),
    [
        ((1.0, 1.1, 1.2, 1.3), [40]),
        ((1.0, 1.1, 1.2, 1.3, 1.4), [40, 50]),
        ((1.0, 1.1, 1.2), []),
        ((1.0, 1.1, 1.2, 1.2, 1.3, 1.4), []),
        ((1.0, 1.1, 1.2, 1.1, 1.2, 1.3), []),
        ((1.0, 1.1, 1.1, 1.2, 1.3, 1.4), [60]),
        ((1.0, 1.1, NAN, 1.2, 1.3), [50]),
        ((1.0, 1.1, INF, 1.2, NAN, 1.3), [60]),
        ((1.0, 1.1, 1.2, NAN), []),
        ((NAN, 1.0, 1.1, 1.2, 1.3), [50]),
        ((1.0, math.nextafter(1.0, 2), 1.1, 1.2), [40]),
        ((-3.0, -2.0, -1.0, 0.0), [40]),
    ],
)
def test_three_strict_rises_need_four_evaluations(
    losses: tuple[float, ...], told: list[int]
) -> None:
    assert breaches(rises(evaluated(*losses))) == told


@pytest.mark.parametrize(("threshold", "first"), [(1, 20), (2, 30), (4, 50)])
def test_the_count_that_fires_is_the_users(threshold: int, first: int) -> None:
    assert breaches(rises(evaluated(1.0, 1.1, 1.2, 1.3, 1.4), threshold))[0] == first


def test_a_second_evaluation_of_a_step_replaces_the_first() -> None:
    trace = evaluated(1.0, 1.1, 1.2).log(30, eval_loss=1.3)
    assert breaches(rises(trace)) == []
    trace.log(40, eval_loss=1.4)
    assert breaches(rises(trace)) == [40]
    assert breaches(rises(trace.log(40, eval_loss=1.2))) == [40]
    assert outcomes(rises(trace))[40] == "clear"


def test_two_evaluations_read_at_once_are_two_evaluations() -> None:
    points = evaluated(1.0, 1.1, 1.2, 1.3, 1.0).points
    daemon = Daemon()
    daemon.feed(points[:4])
    daemon.feed(points[4:])
    assert fired(daemon.told, RISING) == [40]


def test_a_resumed_run_counts_what_is_left() -> None:
    trace = evaluated(1.0, 1.1, 1.2).log(25, loss=1.0).log(30, loss=1.0).log(30, eval_loss=1.2)
    assert breaches(rises(trace)) == []
    trace.log(40, loss=1.0).log(40, eval_loss=1.3)
    assert breaches(rises(trace)) == [40]
    back = evaluated(1.0, 1.1, 1.2).log(15, loss=1.0).log(20, eval_loss=1.0).log(30, eval_loss=1.1)
    assert breaches(rises(back)) == []


@pytest.mark.parametrize(
    ("losses", "severity"),
    [
        ((1.0, 1.001, 1.002, 1.003), Severity.INFO),
        ((0.0, 0.001, 0.002, 0.01), Severity.INFO),
        ((0.0, 0.001, 0.002, math.nextafter(0.01, 1)), Severity.WARNING),
        ((9.0, 1.0, 1.001, 1.002, 1.02), Severity.WARNING),
    ],
)
def test_a_rise_too_small_to_matter_is_for_information(
    losses: tuple[float, ...], severity: Severity
) -> None:
    assert rises(evaluated(*losses))[-1][1].severity is severity


def test_it_says_how_far_it_rose_and_what_was_best() -> None:
    found = rises(evaluated(3.0, 1.0, 2.0, 3.0, 4.0))[-1][1]
    assert (found.value, found.threshold, found.step) == (3.0, 3.0, 50)
    assert found.evidence == {
        "eval_loss": 4.0,
        "rise": 3.0,
        "best_eval_loss": 1.0,
        "best_eval_step": 20,
    }
    assert found.summary == "validation loss rose 3 times in a row, to 4"


def test_a_small_rise_that_grows_is_told_again_as_a_warning() -> None:
    daemon = Daemon()
    daemon.feed(evaluated(1.0, 1.001, 1.002, 1.003, 1.004, 1.5, 1.6).points)
    told = [(t.step, t.severity.value, t.episode) for t in daemon.told if t.key.rule == RISING]
    assert told == [(40, "info", 1), (60, "warning", 1)]


def test_several_sets_are_counted_apart() -> None:
    trace = Trace()
    for step, loss in enumerate([1.0, 1.1, 1.2, 1.3], start=1):
        trace.log(step, eval_a_loss=loss, eval_b_loss=-loss).log(step, eval_c_loss=loss)
    assert {(step, v.eval_set) for step, v in rises(trace) if v.outcome == "breach"} == {
        (4, "a"),
        (4, "c"),
    }


@pytest.mark.parametrize("name", ["max_val_loss_diff", "max_val_loss_increase"])
def test_without_a_threshold_they_say_nothing(name: str) -> None:
    off: dict[str, Any] = {name: None}
    judge = judge_gap if name == "max_val_loss_diff" else judge_rising
    assert answers(judge, evaluated(1.0, 2.0, 3.0, 4.0), limits(**off)) == []


def test_the_same_alert_for_two_sets_is_two_alerts() -> None:
    daemon = Daemon()
    trace = Trace().log(1, loss=1.0).log(1, eval_a_loss=3.0).log(1, eval_b_loss=3.0)
    daemon.feed(trace.points)
    assert [(t.key.rule, t.key.eval_set, t.episode) for t in daemon.told] == [
        (GAP, "a", 1),
        (GAP, "b", 1),
    ]
