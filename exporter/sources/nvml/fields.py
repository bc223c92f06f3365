"""What a row of the tables of readings is: one NVML call, how often it is made, what it answers.

To add a reading: a field of `exporter.snapshot.Gpu`, a row in the table of its kind (`facts`,
`vitals`, `health`, `values`), a row in the metric catalog.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pynvml

from exporter.sources.nvml.codes import UNSUPPORTED

Handle = Any
Convert = Callable[[Any], Any]

EACH_TIME = 0.0
SLOW = 60.0
RARE = 300.0
ONCE = math.inf


NOT_AVAILABLE = frozenset({2**32 - 1, 2**64 - 1})
"""`NVML_VALUE_NOT_AVAILABLE`: what the driver writes for a number that it does not have."""


class Field(NamedTuple):
    """One call: its name in the log, how to ask, and which parts to make of the answer.

    A part is a field of `Gpu`, or `field.key` for one key of a mapping or part of a tuple there; a
    part that is converted to None is not known. An answer holds for `every` seconds.
    """

    name: str
    read: Callable[[Handle], Any]
    parts: Mapping[str, Convert]
    every: float = EACH_TIME


def single(
    name: str, read: Callable[[Handle], Any], convert: Convert, every: float = EACH_TIME
) -> Field:
    """Return the row of a call that answers one value, or the number that means it has none."""

    def known(answer: Any) -> Any | None:  # noqa: ANN401 - each call has its own answer
        is_none = isinstance(answer, int) and answer in NOT_AVAILABLE
        return None if is_none else convert(answer)

    return Field(name, read, {name: known}, every)


def newest_of(*reads: Callable[[Handle], Any]) -> Callable[[Handle], Any]:
    """Return a read that asks the newest call first: an older driver has only the later ones."""

    def read(handle: Handle) -> Any:  # noqa: ANN401 - each call has its own answer
        for attempt in reads[:-1]:
            try:
                return attempt(handle)
            except pynvml.NVMLError as error:
                if error.value not in UNSUPPORTED:
                    raise
        return reads[-1](handle)

    return read


def thousandth(value: int) -> float:
    """Convert milliwatts and millijoules to watts and joules."""
    return value / 1e3


def megahertz(value: int) -> float:
    """Convert MHz to hertz."""
    return value * 1e6


def percent(value: float) -> float:
    """Convert percent to a ratio."""
    return value / 100
