"""Ascending steps in few numbers: trainers log at even strides."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import groupby, pairwise

Packed = list[int | list[int]]
"""The first step, then each distance to the next: a number, or [distance, how often in a row]."""


def pack(steps: Sequence[int]) -> Packed:
    """Return what `unpack` turns into these steps again."""
    packed: Packed = [*steps[:1]]
    for distance, together in groupby(after - before for before, after in pairwise(steps)):
        count = sum(1 for _ in together)
        packed += [[distance, count]] if count > 2 else [distance] * count
    return packed


def unpack(packed: Packed) -> array[int]:
    """Return the steps that `pack` was given; raises TypeError or ValueError for anything else."""
    steps = array("q")
    for part in packed:
        distance, count = part if isinstance(part, list) else (part, 1)
        for _ in range(count):
            steps.append(steps[-1] + distance if steps else distance)
    return steps
