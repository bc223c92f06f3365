"""Evaluations of one validation set: the best one, and the training loss that led to each."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.history.evaluations import Evaluations
from alerts.history.series import Point
from alerts.model import Extremum
from tests.support.histories import INF, NAN, Trace, absorb, history_of


def evaluations(trace: Trace, eval_set: str = "") -> Evaluations:
    return history_of(trace).evals[eval_set]


def test_the_training_mean_is_that_of_the_steps_since_the_last_evaluation() -> None:
    trace = Trace().train([5.0, 3.0]).log(2, eval_loss=1.0)
    assert evaluations(trace).train_mean == 4.0
    trace.train([2.0, NAN, 1.0], first=3).log(5, eval_loss=1.0)
    assert evaluations(trace).train_mean == 1.5


def test_an_evaluation_before_training_has_no_training_mean() -> None:
    assert evaluations(Trace().log(0, eval_loss=9.0)).train_mean is None
    trace = Trace().log(0, eval_loss=9.0).log(1, loss=3.0).log(1, eval_loss=2.0)
    assert evaluations(trace).train_mean == 3.0


def test_without_a_finite_training_point_in_between_there_is_no_mean() -> None:
    trace = Trace().log(1, loss=3.0).log(1, eval_loss=2.0).log(2, loss=INF).log(2, eval_loss=2.0)
    assert evaluations(trace).train_mean is None


def test_a_second_evaluation_of_a_step_keeps_the_mean_of_the_first() -> None:
    trace = Trace().train([5.0, 3.0]).log(2, eval_loss=1.0).log(2, eval_loss=2.0)
    found = evaluations(trace)
    assert (found.train_mean, found.losses.tail(9)) == (4.0, (2.0,))
    trace.log(3, loss=7.0).log(3, eval_loss=1.0)
    assert evaluations(trace).train_mean == 7.0


def test_a_training_point_logged_after_the_evaluation_of_its_step_counts_next_time() -> None:
    trace = Trace().log(1, eval_loss=1.0).log(1, loss=6.0)
    trace.log(2, eval_loss=1.0)
    assert evaluations(trace).train_mean == 6.0
    trace.log(2, loss=4.0).log(3, eval_loss=1.0)
    assert evaluations(trace).train_mean == 4.0


def test_a_mean_is_exact_however_many_points_lie_between() -> None:
    trace = Trace().train([float(n) for n in range(1, 5_001)]).log(5_000, eval_loss=1.0)
    assert evaluations(trace).train_mean == 2500.5


@given(st.lists(st.tuples(st.integers(1, 30), st.floats(-9, 9) | st.sampled_from([NAN, INF]))))
def test_the_best_is_the_first_of_the_lowest(logged: list[tuple[int, float]]) -> None:
    trace, model = Trace(), dict[int, float]()
    for step, value in sorted(logged, key=lambda pair: pair[0]):
        trace.log(step, eval_loss=value)
        model[step] = value
    finite = {step: value for step, value in model.items() if abs(value) < INF}
    best = min(finite.items(), key=lambda item: (item[1], item[0]), default=None)
    found = history_of(trace).best_eval
    assert found == (Extremum(*best) if best else None)


def test_the_best_is_remembered_when_its_point_is_forgotten() -> None:
    trace = Trace().log(1, eval_loss=0.5)
    for step in range(2, 1_200):
        trace.log(step, eval_loss=1.0)
    trace.log(1_199, eval_loss=2.0)
    found = evaluations(trace)
    assert found.best == Extremum(1, 0.5)
    assert found.losses.forgotten > 0


def test_a_best_that_is_evaluated_again_may_be_the_best_no_more() -> None:
    trace = Trace().log(1, eval_loss=2.0).log(2, eval_loss=1.0).log(2, eval_loss=3.0)
    assert evaluations(trace).best == Extremum(1, 2.0)


def test_a_late_evaluation_may_be_the_best() -> None:
    trace = Trace().log(1, eval_loss=2.0).wait(50).log(3, eval_loss=2.0)
    history = history_of(trace)
    absorb(history, Trace(start=trace.clock - 45).log(2, eval_loss=1.0).points)
    assert history.best_eval == Extremum(2, 1.0)


def test_a_resumed_run_forgets_what_came_later() -> None:
    trace = Trace().train([4.0, 4.0, 4.0]).log(3, eval_loss=3.0)
    trace.train([2.0, 2.0], first=4).log(5, eval_loss=1.0).log(6, loss=2.0)
    trace.log(4, loss=6.0)
    found = evaluations(trace)
    assert (found.best, found.train_mean) == (Extremum(3, 3.0), 4.0)
    trace.log(5, loss=8.0).log(5, eval_loss=5.0)
    assert evaluations(trace).train_mean == 7.0


def test_the_ratios_are_those_of_the_first_three_evaluations() -> None:
    trace = Trace()
    for step, (loss, evaluation) in enumerate(
        [(8.0, 2.0), (NAN, 2.0), (6.0, 0.0), (6.0, NAN), (6.0, 2.0), (4.0, 2.0), (2.0, 2.0)]
    ):
        trace.log(step, loss=loss).log(step, eval_loss=evaluation).log(step, eval_loss=1.0)
    assert evaluations(trace).first_ratios == pytest.approx([4.0, 3.0, 2.0])


def test_the_means_that_rules_look_back_on_are_kept_and_no_others() -> None:
    trace = Trace()
    for step in range(1, 61):
        trace.log(step, loss=float(step)).log(step, eval_loss=1 / step if step < 5 else 0.25)
        means = evaluations(trace).train_means
        assert means.keys() >= {*range(max(1, step - 7), step + 1), min(step, 4)}
        assert all(mean == at for at, mean in means.items())
        assert len(means) <= 17


@pytest.mark.parametrize("loss", [NAN, 2.0, 1.7e308])
def test_they_survive_json(loss: float) -> None:
    trace = Trace().train([loss, loss]).log(2, eval_loss=1.0).log(3, eval_loss=INF)
    found = evaluations(trace)
    document = json.loads(json.dumps(found.to_document(), allow_nan=False))
    again = Evaluations.from_document(document)
    assert again.to_document() == found.to_document()
    again.losses.refill(found.losses.points())
    assert (again.best, again.train_mean) == (found.best, found.train_mean)
    found.first_ratios.append(1.0)
    assert len(again.first_ratios) < len(found.first_ratios)
    assert (
        repr(again.finite()) == repr(found.finite()) == repr((Point(2, found.losses[0].time, 1.0),))
    )
