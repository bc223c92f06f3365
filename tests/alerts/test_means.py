"""Means over open intervals stay exact when the series forgets."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.history.means import OpenMean
from alerts.history.series import Point, Series
from tests.support.histories import INF, NAN


def filled(values: list[float], mean: OpenMean, capacity: int) -> Series:
    """Log values at steps 1, 2, ... and fold into the mean what the series forgets."""
    series = Series(capacity)
    for step, value in enumerate(values, start=1):
        for forgotten in series.put(Point(step, 0.0, value)):
            mean.fold(forgotten)
    return series


@given(
    st.lists(st.floats(-1e6, 1e6) | st.sampled_from([NAN, INF, -INF]), max_size=60),
    st.none() | st.integers(0, 60),
    st.integers(1, 40),
)
def test_the_mean_is_that_of_the_whole_interval(
    values: list[float], start: int | None, capacity: int
) -> None:
    mean = OpenMean(start)
    series = filled(values, mean, capacity)
    inside = [v for step, v in enumerate(values, start=1) if start is None or step > start]
    exact = [Fraction(v) for v in inside if math.isfinite(v)]
    found = mean.value(series)
    again = OpenMean.from_document(json.loads(json.dumps(mean.to_document())))
    assert again.value(series) == found
    if exact:
        assert found == pytest.approx(float(sum(exact) / len(exact)), abs=1e-9, rel=1e-12)
    else:
        assert found is None


@pytest.mark.parametrize(
    ("start", "upto", "expected"),
    [(None, None, 2.5), (0, None, 2.5), (2, None, 3.5), (1, 3, 2.5), (4, None, None), (2, 2, None)],
)
def test_the_interval_begins_above_its_start_and_holds_its_end(
    start: int | None, upto: int | None, expected: float | None
) -> None:
    series = filled([1.0, 2.0, 3.0, 4.0], OpenMean(), 512)
    assert OpenMean(start).value(series, upto) == expected


@pytest.mark.parametrize("capacity", [1, 512])
def test_losses_near_the_largest_double_have_an_infinite_mean(capacity: int) -> None:
    mean = OpenMean()
    series = filled([1.7e308] * 9, mean, capacity)
    assert mean.value(series) == INF
    again = OpenMean.from_document(json.loads(json.dumps(mean.to_document(), allow_nan=False)))
    assert again.value(series) == INF


def test_a_new_interval_forgets_the_sum_of_the_old_one() -> None:
    mean = OpenMean()
    series = filled([9.0] * 9, mean, 2)
    mean.restart(8)
    assert mean.value(series) == 9.0
    assert mean.to_document() == [8, 0.0, 0]
