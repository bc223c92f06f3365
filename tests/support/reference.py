"""The rise of a training loss as its definition reads: slow, from scratch at every point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import NamedTuple

WIDTHS = (3, 5, 9, 15, 25, 40, 65, 100)
MIN_DELTA = 0.01


class Answer(NamedTuple):
    """What is said of the last point; `width` is how many points were compared."""

    outcome: str
    pct: float | None = None
    width: int | None = None


def spread(values: Sequence[float]) -> float:
    """Return 1.4826 times the median absolute deviation."""
    return 1.4826 * median([abs(value - median(values)) for value in values]) if values else 0.0


def noise(losses: Sequence[float]) -> tuple[float, float, float]:
    """Return s, s2 and rho of the last 120 losses."""
    logs = [math.log(loss) for loss in losses[-120:]]
    residuals = [
        x - median([y for j, y in enumerate(logs) if abs(j - i) <= 10]) for i, x in enumerate(logs)
    ]
    jumps = spread([after - before for before, after in pairwise(logs)]) / math.sqrt(2)
    mean = fmean(residuals)
    power = math.fsum((x - mean) ** 2 for x in residuals)
    covariance = math.fsum((a - mean) * (b - mean) for a, b in pairwise(residuals))
    rho = covariance / power if power and len(residuals) > 2 else 0.0
    return min(spread(residuals), 1.5 * jumps), jumps, min(max(rho, 0.0), 0.7)


def width(losses: Sequence[float], p: float) -> int | None:
    """Return W, None where even 100 points are too few."""
    if p == 0:
        return WIDTHS[-1]
    s, _, rho = noise(losses)
    needed = (7 * 1.2533 * s / math.log(1 + p)) ** 2 * (1 + rho) / (1 - rho)
    return next((w for w in WIDTHS if w >= needed), None)


def baseline(losses: Sequence[float], w: int) -> float | None:
    """Return the lowest median of `w` neighbours that ends before the last `w` begin."""
    ends = range(w, len(losses) - w + 1)
    return min((median(losses[end - w : end]) for end in ends), default=None)


def rise(losses: Sequence[float], p: float) -> tuple[float, float, int] | None:
    """Return level, baseline and width that are compared, or None where nothing can be said."""
    n = len(losses)
    _, jumps, _ = noise(losses)
    steep = 3 * jumps if n < 10 else max(math.log(1.5), 5 * jumps)
    lowest = baseline(losses, 3)
    if n >= 6 and lowest is not None:
        least = max(steep, math.log(1 + p))
        if all(math.log(loss) - math.log(lowest) > least for loss in losses[-3:]):
            return median(losses[-3:]), lowest, 3
    w = width(losses, p)
    if n < 10 or w is None or n < 2 * w:
        return None
    best = baseline(losses, w)
    return None if best is None else (median(losses[-w:]), best, w)


def answer(losses: Sequence[float], threshold: float) -> Answer:
    """Say whether the last of these finite, positive losses has risen above the best level."""
    found = rise(losses, threshold / 100)
    if found is None:
        return Answer("unknown")
    level, best, w = found
    pct = 100 * (level / best - 1)
    high = pct > threshold and level - best > MIN_DELTA
    return Answer("breach" if high else "clear", pct, w)
