"""The history of a run: order, resumption, late points, and bounds."""

from __future__ import annotations

import json

import pytest

from alerts.history import Roles, RunHistory
from alerts.thresholds import MetricNames
from tests.support.histories import (
    INF,
    NAN,
    START,
    Trace,
    absorb,
    history_of,
    instants,
    new_history,
    run_facts,
)


def losses(history: RunHistory) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in history.loss.points()]


def test_the_last_point_of_a_step_wins() -> None:
    history = history_of(Trace().train([3.0, 2.0]).log(2, loss=1.0))
    assert losses(history) == [(1, 3.0), (2, 1.0)]
    assert (history.levels.count, history.levels.values) == (2, [3.0, 1.0])
    assert history.segment == 0


def test_where_a_run_began_counts_a_step_once() -> None:
    history = history_of(Trace().train([9.0]).log(1, loss=3.0).train([2.0, 1.0, 0.5], first=2))
    assert history.first_losses == (3.0, 2.0, 1.0)


@pytest.mark.parametrize(
    ("back_to", "began"), [(1, (7.0, 6.0, 5.0)), (3, (4.0, 3.0, 7.0)), (4, (4.0, 3.0, 2.0))]
)
def test_a_run_that_is_begun_anew_began_there(back_to: int, began: tuple[float, ...]) -> None:
    trace = Trace().train([4.0, 3.0, 2.0, 1.0]).train([7.0, 6.0, 5.0], first=back_to)
    assert history_of(trace).first_losses == began


def test_a_run_may_log_training_losses_only_or_evaluations_only() -> None:
    assert history_of(Trace().train([2.0])).step == 1
    history = history_of(Trace().log(5, eval_loss=2.0).log(10, eval_loss=1.0))
    assert (history.step, history.loss.last) == (10, None)
    assert new_history().step is None


def test_a_smaller_step_later_truncates_every_series_and_begins_a_segment() -> None:
    trace = Trace()
    for step in range(10, 60, 10):
        trace.log(step, loss=1.0, grad_norm=1.0, epoch=step / 100)
        trace.log(step, eval_loss=2.0, eval_qa_loss=2.0)
    history = history_of(trace.log(30, loss=9.0, grad_norm=9.0, epoch=0.3))
    assert losses(history) == [(10, 1.0), (20, 1.0), (30, 9.0)]
    assert [p.step for p in history.grad_norm.points()] == [10, 20, 30]
    assert [p.step for p in history.epoch_series.points()] == [10, 20, 30]
    assert [[p.step for p in e.losses.points()] for e in history.evals.values()] == [[10, 20]] * 2
    assert (history.segment, history.resumed_at, history.levels.count) == (1, 30, 1)


@pytest.mark.parametrize("metric", ["eval_loss", "eval_qa_loss", "grad_norm"])
def test_any_rule_metric_can_show_a_resumption(metric: str) -> None:
    trace = Trace()
    for step in (10, 20, 30):
        trace.log(step, {"loss": 1.0, metric: 1.0})
    history = history_of(trace.log(20, {metric: 2.0}))
    assert (history.segment, history.resumed_at, losses(history)) == (1, 20, [(10, 1.0)])


@pytest.mark.parametrize("metric", ["learning_rate", "epoch", "train_loss"])
def test_other_metrics_have_steps_of_their_own(metric: str) -> None:
    trace = Trace().log(10, {"loss": 1.0, metric: 1.0}).log(20, {"loss": 1.0, metric: 1.0})
    assert history_of(trace.log(2, {metric: 1.0})).segment == 0


def test_a_metric_that_counts_other_steps_is_no_resumption() -> None:
    trace = Trace()
    for epoch in (1, 2, 3):
        trace.train([1.0, 1.0], first=epoch * 100, every=50).log(epoch, eval_loss=1.0)
    assert history_of(trace).segment == 0


def test_a_run_may_be_resumed_twice_and_from_its_start() -> None:
    trace = Trace().train([5.0, 4.0, 3.0]).train([4.5], first=2).train([6.0, 5.0], first=1)
    history = history_of(trace)
    assert losses(history) == [(1, 6.0), (2, 5.0)]
    assert (history.segment, history.resumed_at) == (2, 1)


def test_what_was_logged_beyond_the_resumption_stays_forgotten() -> None:
    trace = Trace().train([5.0, 4.0, 3.0, 2.0]).log(4, eval_loss=1.0)
    old = list(trace.points)
    history = history_of(trace.log(2, loss=9.0))
    assert absorb(history, old) == []
    assert losses(history) == [(1, 5.0), (2, 9.0)]
    assert history.evals[""].losses.last is None


def test_that_holds_for_every_resumption_of_several() -> None:
    trace = Trace().train([5.0] * 20)
    old = list(trace.points)
    trace.train([4.0] * 5, first=3, every=3).train([3.0] * 3, first=9, every=2)
    history = history_of(trace)
    steps = [1, 2, 3, 6, 9, 11, 13]
    assert [step for step, _ in losses(history)] == steps
    assert absorb(history, old) == []
    assert [step for step, _ in losses(history)] == steps


def test_a_late_point_fills_a_hole_and_yields_no_record() -> None:
    trace = Trace().log(1, loss=3.0).log(3, loss=1.0)
    history = history_of(trace)
    late = Trace(start=START + 5).log(2, loss=2.0, eval_loss=9.0)
    late.points = [point._replace(time=START + 15) for point in late.points]
    records = absorb(history, late.points)
    assert losses(history) == [(1, 3.0), (2, 2.0), (3, 1.0)]
    assert [record.loss for record in records] == [None]
    assert history.levels.count == 2


def test_the_epoch_at_a_step_is_the_newest_before_it() -> None:
    history = history_of(Trace().log(10, loss=1.0, epoch=0.5).log(20, loss=1.0, epoch=1.5))
    assert [history.epoch_at(step) for step in (9, 10, 19, 20, 99)] == [None, 0.5, 0.5, 1.5, 1.5]


def test_where_no_epoch_is_logged_the_configured_steps_per_epoch_tell() -> None:
    history = new_history(steps_per_epoch=8)
    absorb(history, Trace().train([1.0, 1.0], first=4, every=8).points)
    assert [history.epoch_at(step) for step in (4, 12)] == [0.5, 1.5]


@pytest.mark.parametrize(
    ("trace", "params", "has_params", "leftover"),
    [
        (Trace().log(9, eval_loss=1.0), {}, False, True),
        (Trace(), {}, False, True),
        (Trace().log(9, train_loss=1.0), {}, False, True),
        (Trace().log(9, eval_loss=1.0), {"a": "1"}, True, False),
        (Trace().log(9, eval_loss=1.0), {}, True, False),
        (Trace().log(9, loss=1.0), {}, False, False),
    ],
)
def test_a_run_without_training_loss_and_params_is_an_evaluation_leftover(
    trace: Trace, params: dict[str, str], *, has_params: bool, leftover: bool
) -> None:
    history = history_of(trace, run_facts(params=params, has_params=has_params))
    assert history.is_leftover is leftover


def test_the_closing_summary_closes_until_training_goes_on() -> None:
    history = new_history()
    trace = Trace().log(1, loss=1.0).close(2).log(2, eval_loss=1.0).log(3, loss=1.0).close(4)
    closed = []
    for cut in instants(trace.points):
        absorb(history, cut)
        closed.append(history.closed)
    assert closed == [False, True, True, False, True]


def test_the_best_evaluation_is_that_of_the_first_set_that_has_one() -> None:
    trace = Trace().log(1, {"eval_b_loss": 2.0, "eval_a_loss": NAN}).log(2, eval_a_loss=3.0)
    best = history_of(trace).best_eval
    assert best is not None
    assert (best.step, best.value) == (2, 3.0)


def test_memory_does_not_grow_with_the_run() -> None:
    history, sizes = new_history(), []
    for chunk in range(10):
        trace = Trace(start=START + chunk * 30_000)
        for step in range(chunk * 2_000, chunk * 2_000 + 2_000):
            trace.log(step, loss=1.0 + 1 / (step + 1), grad_norm=1.0 / 3, epoch=step / 50)
            if step % 10 == 0:
                trace.log(step, eval_loss=1.0 + 1 / (step + 1))
        absorb(history, trace.points)
        sizes.append(len(json.dumps(history.to_document())))
    series = [history.loss, history.grad_norm, history.epoch_series, history.evals[""].losses]
    assert all(len(one) <= most for one, most in zip(series, [1024, 32, 128, 1024], strict=True))
    assert len(history.epochs.closed) == 16
    assert len(history.intake.cursors) == 4
    assert max(sizes) < 5_000


def test_it_survives_json_with_every_odd_value() -> None:
    trace = Trace().log(1, loss=NAN, grad_norm=INF, learning_rate=NAN, epoch=0.5, eval_loss=-INF)
    trace.train([2.0, 1.0], first=2).log(2, loss=4.0).log(3, loss=1.7e308, eval_loss=1.0).close(3)
    history = history_of(trace)
    again = RunHistory(history.facts, Roles(MetricNames()))
    again.restore(json.loads(json.dumps(history.to_document())))
    assert json.dumps(again.to_document()) == json.dumps(history.to_document())
    assert (again.segment, again.resumed_at, again.closed) == (1, 2, True)
