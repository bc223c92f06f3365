"""Which points are news, which are late or repeated, and which metric is the loss."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest

from alerts.history import Roles
from alerts.history.intake import MAX_EVAL_SETS, Intake
from alerts.history.records import Record
from alerts.model import MetricPoint
from alerts.thresholds import MetricNames
from tests.support.histories import INF, NAN, START, Trace, instants

LARGEST = 1.7976931348623157e308


def intake(**names: Any) -> Intake:  # noqa: ANN401 - any role
    return Intake(Roles(MetricNames.model_validate(names)))


def admitted(trace: Trace, **names: Any) -> list[Record]:  # noqa: ANN401 - as intake
    return list(intake(**names).admit(trace.points).fresh)


def losses(records: list[Record]) -> list[tuple[int, float | None]]:
    return [(record.step, record.loss) for record in records]


def at(metric: str, step: int, time: float, value: float = 1.0) -> MetricPoint:
    return MetricPoint(metric, step, START + time, value)


# Records


def test_what_is_logged_together_is_one_record() -> None:
    trace = Trace().log(
        10, loss=2.0, grad_norm=0.5, learning_rate=0.1, epoch=0.3, eval_loss=3.0, eval_qa_loss=4.0
    )
    (record,) = admitted(trace)
    assert record == Record(
        10, trace.clock, 2.0, 0.5, 0.1, 0.3, {"": 3.0, "qa": 4.0}, closing=False
    )


def test_what_is_logged_metric_by_metric_is_a_record_each() -> None:
    records = admitted(Trace().log(1, loss=2.0).log(1, grad_norm=0.5).log(1, epoch=0.1))
    assert [(r.loss, r.grad_norm, r.epoch) for r in records] == [
        (2.0, None, None),
        (None, 0.5, None),
        (None, None, 0.1),
    ]


def test_records_come_in_order_of_time_and_then_of_step() -> None:
    points = [at("loss", step, time) for step, time in [(1, 5), (3, 5), (2, 5), (4, 6), (5, 4)]]
    for shuffled in permutations(points):
        fresh = intake().admit(shuffled).fresh
        assert [record.step for record in fresh] == [5, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "metric", ["system/cpu", "eval__loss", "eval_loss_per_token", "my_eval_a_loss", "lossy", ""]
)
def test_what_no_rule_looks_at_is_no_record(metric: str) -> None:
    assert admitted(Trace().log(1, {metric: 1.0})) == []


@pytest.mark.parametrize(
    ("stored", "meant"), [(LARGEST, INF), (-LARGEST, -INF), (1.79e308, 1.79e308)]
)
def test_the_largest_double_is_how_sql_stores_spell_infinity(stored: float, meant: float) -> None:
    (record,) = admitted(Trace().log(1, loss=stored, eval_loss=stored, grad_norm=stored))
    assert (record.loss, record.evals[""], record.grad_norm) == (meant, meant, meant)


@pytest.mark.parametrize(
    ("values", "closing"),
    [
        ({"train_runtime": 1.0, "train_loss": 1.0}, True),
        ({"train_runtime": 1.0, "loss": 1.0}, False),
        ({"train_loss": 1.0}, False),
        ({"train_runtime": 1.0}, False),
    ],
)
def test_the_closing_summary_has_both_its_metrics(
    values: dict[str, float], *, closing: bool
) -> None:
    trace = Trace().log(1, loss=1.0).log(2, values)
    assert admitted(trace)[-1].closing is closing


# Names


@pytest.mark.parametrize("name", ["loss", "train/loss", "train_loss_step", "training_loss"])
def test_any_usual_name_can_be_the_training_loss(name: str) -> None:
    assert losses(admitted(Trace().log(1, {name: 2.0}))) == [(1, 2.0)]


def test_the_first_of_several_names_at_once_is_the_loss_for_good() -> None:
    trace = Trace().log(1, {"training_loss": 9.0, "train/loss": 1.0})
    trace.log(2, {"training_loss": 9.0}).log(3, {"loss": 9.0, "train/loss": 3.0})
    assert losses(admitted(trace)) == [(1, 1.0), (2, None), (3, 3.0)]


@pytest.mark.parametrize("in_one_go", [True, False])
def test_the_name_seen_first_wins_however_the_points_come(*, in_one_go: bool) -> None:
    door, trace = intake(), Trace().log(1, {"train/loss": 1.0}).log(2, loss=9.0)
    cuts = [tuple(trace.points)] if in_one_go else list(instants(trace.points))
    fresh = [record for cut in cuts for record in door.admit(cut).fresh]
    assert losses(fresh) == [(1, 1.0), (2, None)]


def test_the_closing_mean_is_no_training_loss() -> None:
    trace = Trace().log(1, {"train_loss": 9.0, "train_runtime": 1.0})
    assert [record.loss for record in admitted(trace)] == [None]
    trace = Trace().log(1, loss=2.0).close(2).log(3, loss=1.0).close(4)
    assert losses(admitted(trace)) == [(1, 2.0), (2, None), (3, 1.0), (4, None)]


@pytest.mark.parametrize("in_one_go", [True, False])
def test_train_loss_is_the_loss_where_it_comes_twice(*, in_one_go: bool) -> None:
    door, trace = intake(), Trace().log(1, train_loss=3.0).log(1, eval_loss=4.0)
    trace.log(2, train_loss=2.0).log(3, train_loss=1.0)
    cuts = [tuple(trace.points)] if in_one_go else list(instants(trace.points))
    fresh = [record for cut in cuts for record in door.admit(cut).fresh]
    assert losses([r for r in fresh if r.loss is not None]) == [(1, 3.0), (2, 2.0), (3, 1.0)]
    assert not any(record.closing for record in fresh)


def test_train_loss_gives_way_to_a_better_name() -> None:
    trace = Trace().log(1, train_loss=9.0).log(2, loss=2.0).log(3, train_loss=9.0)
    assert losses([r for r in admitted(trace) if r.loss is not None]) == [(2, 2.0)]


def test_the_first_name_of_the_validation_loss_is_its_name_for_good() -> None:
    trace = Trace().log(1, val_loss=1.0).log(2, eval_loss=9.0).log(3, val_loss=3.0, eval_loss=9.0)
    assert [dict(record.evals) for record in admitted(trace)] == [{"": 1.0}, {"": 3.0}]


def test_names_are_configurable() -> None:
    trace = Trace().log(1, {"nll": 2.0, "loss": 9.0, "holdout": 3.0, "lr": 0.1})
    (record,) = admitted(trace, loss=["nll"], eval_loss=["holdout"], learning_rate=[])
    assert (record.loss, record.evals, record.learning_rate) == (2.0, {"": 3.0}, None)


def test_no_name_at_all_is_no_loss() -> None:
    assert admitted(Trace().log(1, loss=1.0), loss=[]) == []


def test_a_metric_per_sample_is_no_validation_set() -> None:
    door = intake()
    for step in (1, 2):
        trace = Trace(start=START + step * 100)
        trace.log(step, {f"eval_{n:04}_loss": 1.0 for n in range(2_000)} | {"eval_loss": 1.0})
        (record,) = door.admit(trace.points).fresh
        assert len(record.evals) == MAX_EVAL_SETS
    assert len(door.cursors) == MAX_EVAL_SETS


# Repeated, late, and back in time


def test_each_point_is_news_once() -> None:
    door, trace = intake(), Trace().train([3.0, 2.0, 1.0]).log(3, eval_loss=1.0)
    assert len(door.admit(trace.points).fresh) == 4
    again = door.admit(trace.points)
    assert again.fresh == ()
    assert [record.step for record in again.late] == [1, 2, 3, 3]


def test_a_point_older_than_the_newest_of_its_metric_is_late() -> None:
    door = intake()
    door.admit([at("loss", 1, 1), at("loss", 3, 3), at("eval_loss", 2, 9)])
    found = door.admit([at("loss", 2, 2), at("grad_norm", 2, 2), at("loss", 4, 4)])
    assert [record.step for record in found.late] == [2]
    assert [(record.step, record.loss) for record in found.fresh] == [(2, None), (4, 1.0)]


def test_a_smaller_step_later_is_news() -> None:
    door = intake()
    door.admit([at("loss", step, step) for step in (1, 2, 3)])
    fresh = door.admit([at("loss", 2, 10), at("loss", 3, 11)]).fresh
    assert [record.step for record in fresh] == [2, 3]


def test_a_clock_that_falls_back_loses_nothing_and_repeats_nothing() -> None:
    door = intake()
    before = [at("loss", step, 1_000 + step) for step in range(1, 6)]
    after = [at("loss", step, step) for step in range(6, 11)]
    assert len(door.admit(before).fresh) == 5
    assert [record.step for record in door.admit(after[:2]).fresh] == [6, 7]
    # The tracking server hands out once more what was logged before the clock fell back.
    found = door.admit([*before, *after])
    assert [record.step for record in found.fresh] == [8, 9, 10]
    assert door.admit([*before, *after]).fresh == ()
    assert [r.step for r in door.admit([at("loss", 4, 2_000), at("loss", 5, 2_001)]).fresh] == [
        4,
        5,
    ]


def test_steps_logged_at_one_time_after_a_resumption_are_all_news() -> None:
    door = intake()
    door.admit([at("loss", step, step) for step in range(1, 10)])
    fresh = door.admit([at("loss", step, 50) for step in range(4, 8)]).fresh
    assert [record.step for record in fresh] == [4, 5, 6, 7]


@pytest.mark.parametrize("step", [-(2**63), -5, 0, 2**63 - 1])
def test_any_step_that_can_be_stored_is_taken(step: int) -> None:
    assert losses(admitted(Trace().log(step, loss=1.0))) == [(step, 1.0)]


# Runs that log no steps


def test_where_every_step_is_zero_the_ordinal_is_the_step() -> None:
    trace = Trace().train([3.0, NAN, 1.0], every=0, first=0).log(0, eval_loss=2.0)
    trace.log(0, loss=0.5, grad_norm=1.0)
    assert [(r.step, r.loss is None) for r in admitted(trace)] == [
        (0, False),
        (1, False),
        (2, False),
        (2, True),
        (3, False),
    ]


def test_a_run_that_starts_at_zero_and_counts_on_keeps_its_steps() -> None:
    trace = Trace().log(0, eval_loss=9.0).train([3.0, 2.0, 1.0], first=0).log(2, eval_loss=1.0)
    assert [record.step for record in admitted(trace)] == [0, 0, 1, 2, 2]
    trace.train([3.0, 2.0], first=0)
    assert [record.step for record in admitted(trace)] == [0, 0, 1, 2, 2, 0, 1]


def test_it_survives_json_at_any_moment() -> None:
    trace = Trace().log(0, train_loss=3.0).log(0, val_loss=2.0).log(0, train_loss=1.0)
    trace.log(0, {"train_loss": INF, "eval_loss": 1.0}).log(7, train_loss=1.0)
    door, whole = intake(), intake()
    for cut in instants(trace.points):
        expected = whole.admit(cut)
        assert repr(door.admit(cut)) == repr(expected)
        document = json.loads(json.dumps(door.to_document()))
        door = intake()
        door.restore(document)
        assert door.to_document() == whole.to_document()
