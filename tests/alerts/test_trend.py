"""Which way four values go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules.trend import Trend, trend
from tests.support.histories import INF, NAN


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ((4.0, 3.0, 2.0, 1.0), Trend.DOWN),
        ((1.0, 2.0, 3.0, 4.0), Trend.UP),
        # Five pairs of six agree; four do not suffice.
        ((4.0, 2.0, 3.0, 1.0), Trend.DOWN),
        ((4.0, 1.0, 3.0, 2.0), Trend.UNCLEAR),
        # A change of 1 % and of 0.01 at the least.
        ((2.0, 1.993, 1.986, 1.98), Trend.DOWN),
        ((2.0, 1.997, 1.994, 1.99), Trend.FLAT),
        ((0.1, 0.098, 0.095, 0.092), Trend.FLAT),
        # Flat is a spread of 3 % of the median, or of 0.01.
        ((1.0, 1.029, 1.0, 1.01), Trend.FLAT),
        ((1.0, 1.04, 1.0, 1.01), Trend.UNCLEAR),
        ((0.05, 0.06, 0.05, 0.052), Trend.FLAT),
        # The newest alone does not make a trend.
        ((1.0, 1.0, 1.0, 9.0), Trend.UNCLEAR),
        ((-1.0, -2.0, -3.0, -4.0), Trend.DOWN),
        # Too few, or no numbers.
        ((), Trend.UNCLEAR),
        ((3.0, 2.0, 1.0), Trend.UNCLEAR),
        ((3.0, NAN, 2.0, 1.0), Trend.UNCLEAR),
        ((3.0, INF, 2.0, 1.0), Trend.UNCLEAR),
    ],
)
def test_a_trend_is_read_from_four_values(values: tuple[float, ...], found: Trend) -> None:
    assert trend(values) is found


MIRRORED = {Trend.UP: Trend.DOWN, Trend.DOWN: Trend.UP}


@given(st.lists(st.floats(0.1, 10), min_size=4, max_size=4))
def test_what_is_negated_goes_the_other_way(values: list[float]) -> None:
    found = trend(values)
    assert trend([-value for value in values]) is MIRRORED.get(found, found)
