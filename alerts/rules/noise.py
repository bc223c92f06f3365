"""How noisy a training loss is, and how much smoothing that noise asks for."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

from alerts.history.minima import LADDER, middle

LOOKBACK = 120
"""Finite points that the estimate is made from."""
TREND_WIDTH = 21
MAD_TO_SIGMA = 1.4826
"""Makes the median absolute deviation estimate the standard deviation of normal noise."""


class Noise(NamedTuple):
    """Relative noise of a loss: `sigma` overall, `jumps` from point to point, `rho` lag-1."""

    sigma: float
    jumps: float
    rho: float


def estimate(values: Sequence[float]) -> Noise:
    """Estimate the noise of positive losses, oldest first, from their last 120 points.

    sigma = min(s1, 1.5 s2): s1 is the spread of log-residuals to a centred running median, s2 that
    of successive log-differences / sqrt(2), which sees neither trends nor steps.
    """
    logs = [math.log(value) for value in values[-LOOKBACK:]]
    residuals = [x - trend for x, trend in zip(logs, running_median(logs), strict=True)]
    differences = [b - a for a, b in pairwise(logs)]
    spread = MAD_TO_SIGMA * mad(residuals)
    jumps = MAD_TO_SIGMA * mad(differences) / math.sqrt(2)
    return Noise(min(spread, 1.5 * jumps), jumps, min(max(_lag1(residuals), 0.0), 0.7))


def window(noise: Noise, rise: float) -> int | None:
    """Return how many points to smooth over so that noise cannot look like `rise` (a fraction).

    W = (7 * 1.2533 * sigma / ln(1 + rise))^2 * (1 + rho) / (1 - rho), rounded up on the ladder:
    seven standard errors of a median. None when even the widest window is too narrow.
    """
    if rise <= 0:
        return LADDER[-1]
    ratio = 7 * 1.2533 * noise.sigma / math.log1p(rise)
    needed = ratio * ratio * (1 + noise.rho) / (1 - noise.rho)
    return next((width for width in LADDER if width >= needed), None)


def standard_error(noise: Noise, mean: float, count: int) -> float:
    """Return the standard error of a mean of `count` autocorrelated losses around `mean`.

    s |mean| sqrt((1 + rho) / (1 - rho) / count), infinite for no loss at all.
    """
    if count < 1:
        return math.inf
    return noise.sigma * abs(mean) * math.sqrt((1 + noise.rho) / (1 - noise.rho) / count)


def running_median(values: Sequence[float]) -> list[float]:
    """Return the median of the 21 values around each value, of fewer near the ends.

    The window is kept in order while it moves: this is where judging spends its time.
    """
    half = TREND_WIDTH // 2
    window = sorted(values[:half])
    medians = []
    for index in range(len(values)):
        if index + half < len(values):
            insort(window, values[index + half])
        if index > half:
            del window[bisect_left(window, values[index - half - 1])]
        medians.append(middle(window))
    return medians


def mad(values: Sequence[float]) -> float:
    """Return the median absolute deviation from the median; 0 of nothing."""
    if not values:
        return 0.0
    centre = middle(sorted(values))
    return middle(sorted(abs(value - centre) for value in values))


def _lag1(values: Sequence[float]) -> float:
    """Return the autocorrelation at lag 1; 0 where it is not defined."""
    if len(values) < 3:
        return 0.0
    mean = fmean(values)
    centred = [value - mean for value in values]
    power = math.fsum(x * x for x in centred)
    if power == 0.0:
        return 0.0
    return math.fsum(a * b for a, b in pairwise(centred)) / power
