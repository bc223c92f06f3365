"""The running minima equal what a look at the whole segment would give."""

from __future__ import annotations

import json
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.history.minima import LADDER, MEMORY, Level, Levels, middle
from alerts.history.series import Point
from tests.support.histories import NAN

LOSSES = st.lists(st.floats(-1e6, 1e6, allow_subnormal=True), max_size=260)


def lowest(values: list[float], width: int) -> Level | None:
    """Look at every window of `width` that ends before the last `width` values begin."""
    ends = range(width - 1, len(values) - width)
    found = [Level(median(values[end - width + 1 : end + 1]), end) for end in ends]
    return min(found, key=lambda level: level.value, default=None)


def levels_of(values: list[float], every: int = 1) -> Levels:
    levels = Levels()
    for step, value in enumerate(values):
        levels.push(step * every, value)
    return levels


@given(LOSSES)
def test_minima_equal_brute_force(values: list[float]) -> None:
    levels = levels_of(values)
    for width in LADDER:
        assert levels.lowest(width) == lowest(values, width)
        if len(values) >= width:
            assert levels.current(width) == median(values[-width:])


@given(LOSSES, st.integers(0, 260))
def test_a_restart_changes_nothing(values: list[float], restart: int) -> None:
    whole, resumed = Levels(), Levels()
    for step, value in enumerate(values):
        if step == restart:
            resumed = reread(resumed)
        whole.push(step, value)
        resumed.push(step, value)
    assert json.dumps(resumed.to_document()) == json.dumps(whole.to_document())
    assert repr(resumed.values[-MEMORY:]) == repr(whole.values[-MEMORY:])
    assert resumed.steps[-MEMORY:] == whole.steps[-MEMORY:]


def reread(levels: Levels) -> Levels:
    """Return what another process makes of these levels, and of their points."""
    other = Levels.from_document(json.loads(json.dumps(levels.to_document())))
    tail = zip(levels.steps, levels.values, strict=True)
    other.refill(Point(step, 0.0, value) for step, value in tail)
    return other


def test_without_their_points_the_minima_are_what_is_left() -> None:
    values = [3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    levels = Levels.from_document(json.loads(json.dumps(levels_of(values).to_document())))
    levels.refill([Point(6, 0.0, NAN), Point(5, 0.0, 4.0)])
    assert (levels.values, levels.steps) == ([4.0], [5])
    assert levels.lowest(3) == lowest(values, 3)
    assert levels_of([]).current(3) != levels_of([]).current(3), "NaN of nothing"


def test_a_long_run_is_judged_by_all_of_it_in_bounded_memory() -> None:
    values = [5.0] * 60 + [1.0] * 105 + [3.0] * 2_000
    levels = levels_of(values)
    assert [levels.lowest(width) for width in LADDER] == [lowest(values, width) for width in LADDER]
    assert levels.count == len(values)
    assert len(levels.values) <= 2 * (MEMORY + 1)
    assert len(json.dumps(levels.to_document())) < 400


def test_the_lowest_level_is_dated_by_the_end_of_its_window() -> None:
    levels = levels_of([9.0, 1.0, 1.0, 1.0, 9.0, 9.0, 9.0], every=10)
    assert levels.lowest(3) == Level(1.0, 20)


def test_the_same_step_again_replaces_the_last_point() -> None:
    values = [4.0, 3.0, 2.0, 1.0, 5.0, 6.0, 7.0]
    once, twice = levels_of(values), Levels()
    for step, value in enumerate(values):
        twice.push(step, 100.0)
        twice.push(step, value)
    assert twice.to_document() == once.to_document()


def test_a_new_segment_remembers_nothing() -> None:
    levels = levels_of([1.0] * 50)
    levels.start()
    assert levels.to_document() == Levels().to_document()


@pytest.mark.parametrize(
    ("ordered", "expected"),
    [([1.0], 1.0), ([1.0, 2.0], 1.5), ([1.0, 2.0, 9.0], 2.0), ([1.0, 2.0, 4.0, 9.0], 3.0)],
)
def test_the_middle_of_what_is_in_order(ordered: list[float], expected: float) -> None:
    assert middle(ordered) == expected
