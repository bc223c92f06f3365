"""A curve in one line of text."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
NOT_FINITE = "✗"
LOG_SCALE_RATIO = 100.0


def sparkline(values: Sequence[float], width: int = 32) -> str:
    """Draw `values` (any unit, in time order) with at most `width` block characters.

    More values than characters are averaged per character, except that the highest one is always
    shown at its full height: a spike is news. NaN and Inf show as `✗`, never hidden by averaging.
    Positive values that span more than a factor of 100 are drawn on a logarithmic scale.
    """
    if width < 1:
        raise ValueError(f"width must be at least 1, not {width}")
    cells = _cells(values, width)
    finite = [cell for cell in cells if cell is not None]
    if not finite:
        return NOT_FINITE * len(cells)
    heights = iter(_heights(finite))
    return "".join(NOT_FINITE if cell is None else BLOCKS[next(heights)] for cell in cells)


def _cells(values: Sequence[float], width: int) -> list[float | None]:
    """Return one value per character, None where anything in it is not finite."""
    top = max((value for value in values if math.isfinite(value)), default=math.nan)
    count = min(len(values), width)
    edges = [index * len(values) // count for index in range(count)] + [len(values)]
    return [_cell(values[start:end], top) for start, end in itertools.pairwise(edges)]


def _cell(values: Sequence[float], top: float) -> float | None:
    if not all(math.isfinite(value) for value in values):
        return None
    if top in values:
        return top
    return sum(value / len(values) for value in values)


def _heights(values: Sequence[float]) -> list[int]:
    """Return the index into BLOCKS for each of the finite `values`."""
    low, high = min(values), max(values)
    if low > 0 and high / low > LOG_SCALE_RATIO:
        values = [math.log(value) for value in values]
    # Halves, so that the distance of two finite values is finite.
    low, high = min(values) / 2, max(values) / 2
    if high == low:
        return [len(BLOCKS) // 2 - 1] * len(values)
    steps = len(BLOCKS) - 1
    return [round(steps * ((value / 2 - low) / (high - low))) for value in values]
