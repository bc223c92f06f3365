"""Which way a short series goes: down, up, flat, or not clear enough to say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from itertools import combinations
from statistics import median

LOOKBACK = 4
"""Evaluations that a trend is read from."""
LEAST_RELATIVE = 0.01
LEAST_ABSOLUTE = 0.01
PAIRS_AGREEING = 5
FLAT_RELATIVE = 0.03


class Trend(Enum):
    """The direction of a series."""

    DOWN = "down"
    UP = "up"
    FLAT = "flat"
    UNCLEAR = "unclear"


def trend(values: Sequence[float]) -> Trend:
    """Read the trend of four values in order of time.

    Down and up by the Theil-Sen estimator: the median slope of all pairs, over the whole stretch,
    is at least 1 % and 0.01, and at least five of the six pairs agree. Flat: the spread is at most
    3 % of the median, or 0.01.
    """
    if len(values) < LOOKBACK or not all(math.isfinite(value) for value in values):
        return Trend.UNCLEAR
    slopes = [(b - a) / (j - i) for (i, a), (j, b) in combinations(enumerate(values), 2)]
    change = median(slopes) * (len(values) - 1)
    agreeing = sum(1 for slope in slopes if slope * change > 0)
    moves = abs(change) >= max(LEAST_RELATIVE * abs(values[0]), LEAST_ABSOLUTE)
    if moves and agreeing >= PAIRS_AGREEING:
        return Trend.DOWN if change < 0 else Trend.UP
    spread = max(values) - min(values)
    flat = spread <= max(FLAT_RELATIVE * abs(median(values)), LEAST_ABSOLUTE)
    return Trend.FLAT if flat else Trend.UNCLEAR
