"""What training and validation loss say together."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from alerts.history import RunHistory
from alerts.history.evaluations import without_improvement
from alerts.model import Severity, Verdict
from alerts.rules.diagnosis import EARLY_STOP, ONSET, OVERFITTING, PLATEAU
from alerts.rules.diagnosis import judge_early_stop as early_stop
from alerts.rules.diagnosis import judge_trends as trends
from alerts.rules.evaluation import is_memorising
from tests.support.histories import (
    NAN,
    Daemon,
    Trace,
    answers,
    fired,
    history_of,
    settings,
)

BETWEEN = 4
"""Training points between two evaluations, which come at steps 4, 8, ..."""


def trained(train: Sequence[float], evals: Sequence[float], name: str = "eval_loss") -> Trace:
    """Log intervals of constant training loss, each with the evaluation that ends it."""
    trace, step = Trace(), 0
    for loss, evaluation in zip(train, evals, strict=True):
        for _ in range(BETWEEN):
            step += 1
            trace.log(step, loss=loss)
        trace.log(step, {name: evaluation})
    return trace


def said(trace: Trace, rule: str) -> list[tuple[int, str]]:
    """Return what a rule answers at each evaluation, by its number from 1."""
    found = answers(trends, trace)
    return [(step // BETWEEN, v.outcome.value) for step, v in found if v.rule == rule]


def breached(train: Sequence[float], evals: Sequence[float], rule: str) -> list[int]:
    return [n for n, outcome in said(trained(train, evals), rule) if outcome == "breach"]


FALLS = (2.0, 1.8, 1.6, 1.4, 1.2, 1.0)
STAYS = (2.0,) * 6


@pytest.mark.parametrize(
    ("train", "evals", "told"),
    [
        (FALLS, (2.0, 2.1, 2.2, 2.3, 2.4, 2.5), [4, 5, 6]),
        # Near misses: validation that falls or stays, and training that does not fall.
        (FALLS, (2.0, 1.9, 1.8, 1.7, 1.6, 1.5), []),
        (FALLS, (2.0, 2.0, 2.0, 2.0, 2.0, 2.0), []),
        (STAYS, (2.0, 2.1, 2.2, 2.3, 2.4, 2.5), []),
        # One evaluation that fell makes four pairs of six.
        (FALLS, (2.0, 2.2, 2.3, 2.1, 2.0, 1.9), []),
    ],
)
def test_overfitting(train: Sequence[float], evals: Sequence[float], told: list[int]) -> None:
    assert breached(train, evals, OVERFITTING) == told


@pytest.mark.parametrize(
    ("train", "evals", "told"),
    [
        (FALLS, (2.0, 2.0, 2.01, 2.0, 2.01, 2.0), [4, 5, 6]),
        # Near misses: a new best among the last two, training that falls by too little.
        (FALLS, (2.0, 2.0, 1.999, 1.998, 1.997, 1.996), []),
        ((2.0, 1.99, 1.98, 1.97, 1.96, 1.95), (2.0, 2.0, 2.01, 2.0, 2.01, 2.0), []),
        (FALLS, (2.0, 1.9, 1.8, 1.7, 1.6, 1.5), []),
    ],
)
def test_overfit_onset(train: Sequence[float], evals: Sequence[float], told: list[int]) -> None:
    assert breached(train, evals, ONSET) == told


@pytest.mark.parametrize(
    ("train", "evals", "told"),
    [
        (STAYS, (1.5, 1.51, 1.5, 1.5, 1.51, 1.5), [4, 5, 6]),
        # Near misses: one of the two moves, or the last evaluation is not near the best.
        (FALLS, (1.5, 1.51, 1.5, 1.5, 1.51, 1.5), []),
        (STAYS, (1.5, 1.6, 1.7, 1.8, 1.9, 2.0), []),
        (STAYS, (1.4, 1.42, 1.43, 1.43, 1.43, 1.43), []),
    ],
)
def test_plateau(train: Sequence[float], evals: Sequence[float], told: list[int]) -> None:
    assert breached(train, evals, PLATEAU) == told


@pytest.mark.parametrize("rule", [OVERFITTING, ONSET, PLATEAU])
def test_before_four_evaluations_nothing_is_said(rule: str) -> None:
    assert said(trained(FALLS[:3], (2.0, 2.5, 3.0)), rule) == []


def test_overfitting_is_over_when_validation_is_near_its_best_again() -> None:
    evals = (2.0, 2.1, 2.2, 2.3, 2.2, 2.02, 2.01)
    found = said(trained((*FALLS, 0.9), evals), OVERFITTING)
    assert found == [(4, "breach"), (5, "unknown"), (6, "unknown"), (7, "clear")]


def test_it_says_where_the_best_evaluation_is() -> None:
    found = answers(trends, trained(FALLS[:4], (2.1, 2.0, 2.2, 2.3)))
    news = next(v for _, v in found if v.rule == OVERFITTING)
    assert (news.severity, news.step) == (Severity.CRITICAL, 16)
    assert news.evidence == {"eval_loss": 2.3, "best_eval_loss": 2.0, "best_eval_step": 8}
    assert news.summary == "training loss falls while validation loss rises, to 2.3"


def test_each_set_has_a_diagnosis_of_its_own() -> None:
    trace = trained(FALLS, (2.0, 2.1, 2.2, 2.3, 2.4, 2.5), "eval_docs_loss")
    for point in trained(FALLS, (2.0, 1.9, 1.8, 1.7, 1.6, 1.5), "eval_qa_loss").points:
        if point.metric == "eval_qa_loss":
            trace.points.append(point)
    over = [v for _, v in answers(trends, trace) if v.rule == OVERFITTING]
    assert {v.eval_set for v in over if v.outcome == "breach"} == {"docs"}


def test_what_is_not_finite_is_passed_over() -> None:
    train = (2.0, 1.8, 1.7, 1.6, 1.4, 1.2)
    assert breached(train, (2.0, 2.1, NAN, 2.2, 2.3, 2.4), OVERFITTING) == [5, 6]


# Noise of the training loss


def noisy(drop: float) -> Trace:
    """Log a training loss with 15 % of noise that falls by `drop` between evaluations."""
    chance, trace = random.Random(0), Trace()  # noqa: S311 - noise, not secrets
    for step in range(1, 49):
        level = 2.0 - drop * (step // 12)
        trace.log(step, loss=level * math.exp(chance.gauss(0, 0.15)))
        if step % 12 == 0:
            trace.log(step, eval_loss=2.0 + step / 100)
    return trace


@pytest.mark.parametrize(("drop", "told"), [(0.05, False), (0.5, True)])
def test_a_fall_within_the_noise_is_no_trend(drop: float, *, told: bool) -> None:
    found = [v for _, v in answers(trends, noisy(drop)) if v.rule == OVERFITTING]
    assert (found[-1].outcome == "breach") is told


# Memorising


def memorising(train: Sequence[float], evals: Sequence[float]) -> bool:
    history: RunHistory = history_of(trained(train, evals))
    return is_memorising(history, history.evals[""])


@pytest.mark.parametrize(
    ("train", "evals", "found"),
    [
        ((2.0, 1.9, 1.8), (2.0, 2.0, 2.0), True),
        # Near misses: a fall below 5 %, an improvement above 0.01, one evaluation only.
        ((2.0, 1.95, 1.91), (2.0, 2.0, 2.0), False),
        ((2.0, 1.9, 1.8), (2.0, 2.0, 1.98), False),
        ((2.0, 1.8), (2.0, 2.1), False),
        ((2.0,), (2.9,), False),
    ],
)
def test_training_goes_on_without_validation(
    train: Sequence[float], evals: Sequence[float], *, found: bool
) -> None:
    assert memorising(train, evals) is found


# Early stopping


@pytest.mark.parametrize(
    ("values", "waited"),
    [
        ((), 0),
        ((1.0,), 0),
        ((1.0, 0.98), 0),
        ((1.0, 0.995), 1),
        # The best moves with every improvement, however small.
        ((1.0, 0.995, 0.99, 0.985), 3),
        ((1.0, 1.2, 1.1, 0.97), 0),
        ((1.0, 1.2, 1.1, 0.995), 3),
    ],
)
def test_evaluations_without_an_improvement(values: tuple[float, ...], waited: int) -> None:
    assert without_improvement(list(values)) == waited


def stops(*evals: float) -> list[tuple[int, Verdict]]:
    return [(step // BETWEEN, v) for step, v in answers(early_stop, trained(evals, evals))]


def test_early_stopping_would_have_ended_at_the_third() -> None:
    found = stops(2.0, 1.5, 1.5, 1.6, 1.495, 1.3)
    assert [(n, v.outcome.value) for n, v in found][3:] == [
        (4, "clear"),
        (5, "breach"),
        (6, "clear"),
    ]
    news = found[4][1]
    assert (news.value, news.threshold, news.severity) == (3.0, 3.0, Severity.INFO)
    assert news.summary.endswith("early stopping would have kept step 20")


def test_without_a_finite_evaluation_it_says_nothing() -> None:
    assert stops(NAN) == []


@pytest.mark.parametrize("rule", [OVERFITTING, ONSET, PLATEAU, EARLY_STOP])
def test_who_does_not_want_a_rule_is_not_told(rule: str) -> None:
    traces = [
        trained(FALLS, (2.0, 2.1, 2.2, 2.3, 2.4, 2.5)),
        trained(FALLS, (2.0, 2.0, 2.01, 2.0, 2.01, 2.0)),
        trained(STAYS, (1.5, 1.51, 1.5, 1.5, 1.51, 1.5)),
    ]
    told = []
    for on in (True, False):
        daemons = [Daemon(settings({rule: {"enabled": on}})) for _ in traces]
        for daemon, trace in zip(daemons, traces, strict=True):
            daemon.feed(trace.points)
        told.append(any(fired(daemon.told, rule) for daemon in daemons))
    assert told == [True, False]
