"""How noisy a loss is, and how much smoothing that asks for."""

from __future__ import annotations

import math
import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.history.minima import LADDER
from alerts.rules.noise import Noise, estimate, running_median, window


def noisy(sigma: float, count: int = 120, trend: float = 0.0) -> list[float]:
    draw = random.Random(1)  # noqa: S311 - noise, not secrets
    return [2 * math.exp(trend * n + draw.gauss(0, sigma)) for n in range(count)]


@pytest.mark.parametrize("sigma", [0.01, 0.05, 0.2])
def test_white_noise_is_measured(sigma: float) -> None:
    found = estimate(noisy(sigma))
    assert found.sigma == pytest.approx(sigma, rel=0.2)
    assert found.jumps == pytest.approx(sigma, rel=0.2)
    assert found.rho < 0.2


def test_neither_a_trend_nor_a_step_is_noise() -> None:
    steady = estimate(noisy(0.05))
    stairs = [loss * (3 if n > 60 else 1) for n, loss in enumerate(noisy(0.05))]
    for found in (estimate(noisy(0.05, trend=-0.002)), estimate(stairs)):
        assert found.sigma == pytest.approx(steady.sigma, rel=0.3)


@pytest.mark.parametrize(
    "losses",
    [[], [2.0], [2.0, 1.0], [2.0] * 300, [math.exp(-n / 10) for n in range(50)], [5e-324, 1.7e308]],
)
def test_what_is_short_or_smooth_or_extreme_has_an_estimate(losses: list[float]) -> None:
    found = estimate(losses)
    assert all(math.isfinite(number) for number in found)
    assert found.sigma >= 0
    assert 0 <= found.rho <= 0.7


def test_only_the_last_120_points_count() -> None:
    assert estimate([*noisy(0.5), *noisy(0.01)]) == estimate(noisy(0.01))


def test_slow_waves_are_correlated_noise() -> None:
    assert estimate([2 + 0.1 * math.sin(n / 3) for n in range(120)]).rho == 0.7


@pytest.mark.parametrize(
    ("sigma", "rho", "rise", "width"),
    [
        (0.0, 0.0, 0.2, 3),
        (0.02, 0.0, 0.2, 3),
        (0.04, 0.0, 0.2, 5),
        (0.1, 0.0, 0.2, 25),
        (0.1, 0.5, 0.2, 100),
        (0.2, 0.0, 0.2, 100),
        (0.3, 0.0, 0.2, None),
        (0.3, 0.0, 1.0, 15),
        (0.0, 0.0, 0.0, 100),
        (0.3, 0.0, 0.0, 100),
        (0.1, 0.0, 5e-324, None),
        (1e300, 0.7, 1e-300, None),
    ],
)
def test_the_window_grows_with_the_noise(
    sigma: float, rho: float, rise: float, width: int | None
) -> None:
    assert window(Noise(sigma, sigma, rho), rise) == width


@pytest.mark.parametrize("width", LADDER)
def test_a_window_of_exactly_the_width_that_is_needed_is_wide_enough(width: int) -> None:
    def needed(sigma: float) -> float:
        ratio = 7 * 1.2533 * sigma / math.log1p(0.2)
        return ratio * ratio

    sigma = math.sqrt(width) * math.log1p(0.2) / (7 * 1.2533)
    while needed(sigma) > width:
        sigma = math.nextafter(sigma, 0)
    while needed(sigma) <= width:
        highest, sigma = sigma, math.nextafter(sigma, 1)
    wider = next((w for w in LADDER if w > width), None)
    assert window(Noise(highest, 0.0, 0.0), 0.2) == width
    assert window(Noise(sigma, 0.0, 0.0), 0.2) == wider


@given(st.lists(st.floats(-1e9, 1e9), max_size=60))
def test_the_running_median_is_that_of_the_neighbours(values: list[float]) -> None:
    assert running_median(values) == [
        median(values[max(0, n - 10) : n + 11]) for n in range(len(values))
    ]
