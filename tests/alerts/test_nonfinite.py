"""Losses and gradients that are no numbers any more, and the disguises they come in."""

from __future__ import annotations

import pytest

from alerts.model import Severity
from alerts.rules import nonfinite
from tests.support.histories import (
    INF,
    NAN,
    TRAINER,
    Daemon,
    Trace,
    answers,
    breaches,
    fired,
    outcomes,
    run_facts,
)

LARGEST = 1.7976931348623157e308
FP16 = run_facts(params={**TRAINER, "fp16": "True"})


def told(trace: Trace, *, fp16: bool = False) -> list[int]:
    return breaches(answers(nonfinite.judge, trace, facts=FP16 if fp16 else None))


def healthy(count: int = 5, first: int = 1) -> Trace:
    trace = Trace()
    for step in range(first, first + count):
        trace.log(step, loss=2.0, grad_norm=1.0)
    return trace


@pytest.mark.parametrize("bad", [NAN, INF, -INF, LARGEST, -LARGEST])
@pytest.mark.parametrize("metric", ["loss", "eval_loss", "eval_qa_loss", "grad_norm"])
def test_a_number_that_is_none_is_told_at_its_step(metric: str, bad: float) -> None:
    assert told(healthy().log(6, {metric: bad})) == [6]


@pytest.mark.parametrize(
    "metric", ["learning_rate", "epoch", "train_loss", "eval_runtime", "other"]
)
def test_other_metrics_may_be_anything(metric: str) -> None:
    assert told(healthy().log(6, {metric: NAN})) == []


@pytest.mark.parametrize("value", [1.7976931348623155e308, 5e-324, -1.0, -0.0])
def test_a_number_is_a_number_however_extreme(value: float) -> None:
    assert told(healthy().log(6, loss=value, grad_norm=value, eval_loss=value)) == []


def test_it_says_which_metric_and_where() -> None:
    trace = healthy().log(6, loss=2.0, grad_norm=NAN, epoch=0.5)
    found = answers(nonfinite.judge, trace)[-1][1]
    assert (found.severity, found.value, found.step, found.epoch) == (
        Severity.CRITICAL,
        1.0,
        6,
        0.5,
    )
    assert found.summary == "not finite at step 6: grad_norm"
    assert found.evidence == {"metric": "grad_norm"}


@pytest.mark.parametrize(
    ("values", "metric"),
    [
        ({"loss": NAN, "eval_loss": NAN, "grad_norm": NAN}, "loss"),
        ({"eval_loss": NAN, "grad_norm": NAN}, "eval_loss"),
        ({"eval_qa_loss": NAN}, "eval_qa_loss"),
        ({"loss": 0.0}, "loss 0.0 without grad_norm"),
    ],
)
def test_of_several_signs_the_plainest_is_named(values: dict[str, float], metric: str) -> None:
    found = answers(nonfinite.judge, healthy().log(6, values))[-1][1]
    assert found.evidence == {"metric": metric}


# The disguises of the Trainer's default filter


def test_a_loss_of_zero_whose_gradient_is_gone_is_no_loss() -> None:
    assert told(healthy().log(6, loss=0.0).log(7, loss=0.0)) == [6, 7]
    assert told(healthy().log(6, loss=0.0, grad_norm=NAN)) == [6]


def test_a_loss_of_zero_with_a_gradient_is_one() -> None:
    assert told(healthy().log(6, loss=0.0, grad_norm=0.0)) == []


def test_a_run_that_never_logged_gradients_may_reach_zero() -> None:
    assert told(Trace().train([1.0, 0.5, 0.0, 0.0])) == []


def test_a_gradient_logged_apart_from_the_loss_is_not_missed_beside_it() -> None:
    trace = Trace()
    for step in range(1, 5):
        trace.log(step, loss=1.0 if step < 3 else 0.0).log(step, grad_norm=1.0)
    assert told(trace) == []


def test_a_loss_near_zero_is_not_zero() -> None:
    assert told(healthy().log(6, loss=5e-324)) == []


# The loss scaler


def scaled(*gradients: float, loss: float = 2.0) -> Trace:
    trace = healthy()
    for step, gradient in enumerate(gradients, start=6):
        trace.log(step, loss=loss, grad_norm=gradient)
    return trace


@pytest.mark.parametrize(
    ("gradients", "steps"),
    [
        ((INF, INF), []),
        ((INF, NAN, INF), [8]),
        ((INF, INF, 1.0, INF, INF), []),
        ((INF, INF, 1.0, NAN, INF, INF, INF), [11, 12]),
    ],
)
def test_with_a_loss_scaler_the_third_gradient_in_a_row_counts(
    gradients: tuple[float, ...], steps: list[int]
) -> None:
    assert told(scaled(*gradients), fp16=True) == steps


@pytest.mark.parametrize("loss", [0.0, NAN, INF])
def test_the_loss_scaler_is_no_excuse_for_the_loss(loss: float) -> None:
    assert told(scaled(INF, loss=loss), fp16=True) == [6]


def test_an_evaluation_between_does_not_break_the_row() -> None:
    trace = scaled(INF, INF).log(7, eval_loss=2.0).log(8, loss=2.0, grad_norm=INF)
    assert told(trace, fp16=True) == [8]


@pytest.mark.parametrize("value", ["False", "false", "", "None", "bf16"])
def test_without_fp16_the_first_gradient_counts(value: str) -> None:
    facts = run_facts(params={**TRAINER, "fp16": value})
    assert breaches(answers(nonfinite.judge, scaled(INF), facts=facts)) == [6]


# Recovery


def test_twenty_finite_points_are_a_recovery() -> None:
    trace = healthy().log(6, loss=NAN).train([2.0] * 25, first=7)
    found = outcomes(answers(nonfinite.judge, trace))
    assert [found[step] for step in (5, 6, 7, 25, 26, 31)] == [
        "clear",
        "breach",
        "unknown",
        "unknown",
        "clear",
        "clear",
    ]


def test_every_other_sighting_starts_the_count_anew() -> None:
    trace = healthy()
    for step in range(6, 60):
        trace.log(step, loss=NAN if step % 15 == 0 else 2.0)
    assert "clear" not in list(outcomes(answers(nonfinite.judge, trace)).values())[15:]


def test_evaluations_alone_are_no_recovery() -> None:
    trace = healthy().log(6, loss=NAN)
    for step in range(7, 40):
        trace.log(step, eval_loss=1.0)
    assert "clear" not in list(outcomes(answers(nonfinite.judge, trace)).values())[5:]


def test_one_sighting_is_one_episode_until_it_has_recovered() -> None:
    trace = healthy()
    for step in range(6, 100):
        trace.log(step, loss=NAN if step in (6, 8, 10, 60) else 2.0)
    daemon = Daemon()
    daemon.follow(trace.points)
    assert [(t.step, t.episode) for t in daemon.told] == [(6, 1)]
    daemon.wait(300)
    assert daemon.told[-1].reason == "recovered"
    daemon.follow(Trace(start=daemon.now).log(200, loss=NAN).points)
    assert [(t.step, t.episode) for t in daemon.told if t.state == "firing"] == [(6, 1), (200, 2)]


def test_a_resumption_from_before_the_sighting_is_not_yet_a_recovery() -> None:
    trace = healthy().log(6, loss=NAN).train([2.0] * 30, first=4)
    found = answers(nonfinite.judge, trace)
    assert [v.outcome.value for _, v in found][6:] == ["unknown"] * 19 + ["clear"] * 11


def test_it_is_told_at_once_and_mutes_what_it_explains() -> None:
    trace = healthy(30)
    trace.log(31, loss=NAN, grad_norm=NAN)
    trace.log(31, eval_loss=9.0)
    daemon = Daemon()
    daemon.follow(trace.points)
    assert fired(daemon.told, nonfinite.NAME) == [31]
    assert [(t.key.rule, t.inhibited_by) for t in daemon.told] == [
        ("nonfinite", None),
        ("eval_loss_gap", "nonfinite"),
    ]
