"""A bounded series is what a sorted dictionary of its newest points is."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.history.series import CAPACITY, Point, Series, dump_number
from alerts.history.steps import pack, unpack
from tests.support.histories import INF, NAN

STEPS = st.integers(-(2**63), 2**63 - 1)
VALUES = st.floats(allow_nan=False)


def series_of(*steps: int, capacity: int = CAPACITY) -> Series:
    series = Series(capacity)
    for step in steps:
        series.put(Point(step, float(step), float(step)))
    return series


def steps_of(series: Series) -> list[int]:
    return [point.step for point in series.points()]


@given(st.lists(st.tuples(STEPS, VALUES)), STEPS)
def test_it_is_a_sorted_dictionary(logged: list[tuple[int, float]], asked: int) -> None:
    series, model = Series(), dict[int, float]()
    for step, value in logged:
        assert series.put(Point(step, 0.0, value)) == ()
        model[step] = value
    ordered = sorted(model.items())
    assert [(p.step, p.value) for p in series.points()] == ordered
    assert len(series) == len(model)
    assert series.last == (Point(ordered[-1][0], 0.0, ordered[-1][1]) if ordered else None)
    below = [item for item in ordered if item[0] <= asked]
    found = series.at_or_before(asked)
    assert (found and (found.step, found.value)) == (below[-1] if below else None)
    assert (series.at(asked) is not None) == (asked in model)
    under = [item for item in ordered if item[0] < asked]
    before = series.before(asked)
    assert (before and before.step) == (under[-1][0] if under else None)
    series.truncate(asked)
    assert [(p.step, p.value) for p in series.points()] == under


@given(st.lists(st.integers(0, 400), max_size=300), st.integers(1, 20))
def test_beyond_its_capacity_it_forgets_the_lowest_steps(steps: list[int], capacity: int) -> None:
    series, forgotten = Series(capacity), list[Point]()
    for step in steps:
        forgotten += series.put(Point(step, 0.0, 0.0))
        assert len(series) <= 2 * capacity
    assert series.forgotten == len(forgotten)
    if not forgotten:
        assert steps_of(series) == sorted(set(steps))


def test_what_is_forgotten_is_handed_back_once_in_order() -> None:
    series = series_of(*range(8), capacity=4)
    assert [p.step for p in series.put(Point(8, 8.0, 8.0))] == [0, 1, 2, 3, 4]
    assert steps_of(series) == [5, 6, 7, 8]


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        (1, [2, 4, 6]),
        (2, [2, 4, 6]),
        (3, [2, 3, 4, 6]),
        (5, [2, 4, 5, 6]),
        (6, [2, 4, 6]),
        (7, [2, 4, 6]),
    ],
)
def test_a_late_point_only_fills_a_hole(step: int, kept: list[int]) -> None:
    series = series_of(2, 4, 6)
    series.put_late(Point(step, 99.0, NAN))
    assert steps_of(series) == kept
    assert [p.value for p in series.points() if p.step in (2, 4, 6)] == [2.0, 4.0, 6.0]


def test_a_late_point_may_push_others_out() -> None:
    series = series_of(*range(0, 16, 2), capacity=4)
    assert [p.step for p in series.put_late(Point(3, 0.0, 0.0))] == [0, 2, 3, 4, 6]


@pytest.mark.parametrize(
    ("count", "tail"), [(0, ()), (-1, ()), (2, (4.0, 6.0)), (9, (2.0, 4.0, 6.0))]
)
def test_the_tail_is_its_last_values(count: int, tail: tuple[float, ...]) -> None:
    assert series_of(2, 4, 6).tail(count) == tail


@given(st.lists(st.tuples(STEPS, st.floats()), max_size=50), st.integers(1, 10))
def test_it_survives_json(logged: list[tuple[int, float]], capacity: int) -> None:
    series = Series(capacity)
    for step, value in logged:
        series.put(Point(step, 1.5, value))
    again = Series.from_document(json.loads(json.dumps(series.to_document())), capacity)
    assert (repr(again.last), again.logged) == (repr(series.last), series.logged)
    assert again.to_document() == series.to_document()
    again.refill(series.points())
    assert repr(again.points()) == repr(series.points())
    assert again.forgotten == series.forgotten


def restored(*steps: int) -> Series:
    return Series.from_document(json.loads(json.dumps(series_of(*steps).to_document())))


def test_the_latest_point_of_a_step_is_taken_back() -> None:
    series = restored(1, 2, 3)
    series.refill(Point(step, at, at) for at, step in enumerate([1, 2, 3, 2, 0, 4]))
    assert [(p.step, p.time) for p in series.points()] == [(1, 0.0), (2, 3.0), (3, 3.0)]


def test_what_is_not_given_back_is_forgotten() -> None:
    series = restored(1, 2, 3, 4)
    series.put(Point(5, 9.0, 9.0))
    series.refill([Point(3, 0.0, 3.0)])
    assert [point.step for point in series.points()] == [3, 4, 5]
    assert (series.forgotten, series.logged) == (2, 5)


def test_what_a_resumed_run_forgets_is_not_taken_back() -> None:
    series = restored(1, 2, 3, 4)
    series.truncate(2)
    series.refill(series_of(1, 2, 3, 4).points())
    assert [point.step for point in series.points()] == [1]


@given(st.lists(STEPS, unique=True).map(sorted))
def test_steps_are_packed_and_unpacked(steps: list[int]) -> None:
    assert list(unpack(json.loads(json.dumps(pack(steps))))) == steps


def test_even_strides_take_no_room() -> None:
    assert pack([5, 10, 15, 20, 21, 22, 40]) == [5, [5, 3], 1, 1, 18]


@pytest.mark.parametrize("value", [0.1, -0.0, 5e-324, 1.7e308, INF, -INF, NAN])
def test_any_double_survives_strict_json(value: float) -> None:
    text = json.dumps(dump_number(value), allow_nan=False)
    again = float(json.loads(text))
    assert repr(again) == repr(value)
    assert math.copysign(1, again) == math.copysign(1, value)
