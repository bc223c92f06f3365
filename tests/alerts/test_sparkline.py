"""A curve in one line: shape, spikes, what is not finite, scale."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.sparkline import BLOCKS, NOT_FINITE, sparkline

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ((), ""),
        ((1.0,), "▄"),
        ((2.0, 2.0, 2.0), "▄▄▄"),
        ((0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0), BLOCKS),
        ((7.0, 0.0), "█▁"),
        ((-1.0, 0.0, 1.0), "▁▅█"),
        ((1.0, NAN, 3.0), "▁✗█"),
        ((1.0, INF, -INF, 3.0), "▁✗✗█"),
        ((NAN, INF), "✗✗"),
        # A factor of 1000: drawn by the logarithm, else all but the last would be flat.
        ((1.0, 10.0, 100.0, 1000.0), "▁▃▆█"),
        # A factor of 100 exactly is still linear.
        ((1.0, 50.5, 100.0), "▁▅█"),
    ],
)
def test_values_become_blocks(values: tuple[float, ...], drawn: str) -> None:
    assert sparkline(values) == drawn


def test_many_values_share_a_character_by_their_mean() -> None:
    assert sparkline([0, 2, 3, 5, 8, 8], width=3) == "▁▄█"


def test_a_spike_is_not_averaged_away() -> None:
    values = [1.0] * 450 + [10.0] * 50
    values[250] = 50.0
    assert sparkline(values, width=10) == "▁▁▁▁▁█▁▁▁▂"


def test_one_nan_among_many_values_is_seen() -> None:
    values = [1.0] * 499 + [NAN]
    assert sparkline(values, width=5) == "▄▄▄▄✗"


def test_values_at_the_edge_of_the_number_range_are_drawn() -> None:
    assert sparkline([-1.7e308, 0.0, 1.7e308]) == "▁▅█"


def test_a_width_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="width must be at least 1"):
        sparkline([1.0], width=0)


@given(st.lists(st.floats(), max_size=200), st.integers(1, 50))
def test_whatever_comes_fits_the_width(values: list[float], width: int) -> None:
    drawn = sparkline(values, width)
    assert len(drawn) == min(len(values), width)
    assert set(drawn) <= set(BLOCKS + NOT_FINITE)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=32))
def test_a_higher_value_is_never_drawn_lower(values: list[float]) -> None:
    drawn = sparkline(values)
    for value, block in zip(values, drawn, strict=True):
        for other, other_block in zip(values, drawn, strict=True):
            assert value > other or BLOCKS.index(block) <= BLOCKS.index(other_block)
