"""The points that rules look back on, which no document holds: where they are, and their return."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from alerts.history.minima import Levels
from alerts.history.records import Record
from alerts.history.series import Point, Series


class Window(NamedTuple):
    """The steps of one metric, as they were logged, that have to be read again; both included."""

    first: int
    last: int


class Bookmark(NamedTuple):
    """How far one metric was judged, as `alerts.history.intake.Cursor`, and what is missing of it.

    Points of the `window` that are not later than `latest` were judged: they have to be repeated,
    with the first news or before them.
    """

    time: float
    step: int
    highest: int
    latest: float
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Lookback:
    """One part of a history: the values it takes from records, and the metrics they come from."""

    part: Series | Levels
    value: Callable[[Record], float | None]
    metrics: Collection[str]


def windows(lookbacks: Iterable[Lookback], *, counted: bool = False) -> dict[str, Window]:
    """Return by metric what has been missing since a restart.

    The points of a run whose steps are `counted` were all logged at step 0.
    """
    found: dict[str, Window] = {}
    for lookback in lookbacks:
        missing = lookback.part.missing
        for metric in lookback.metrics if missing else ():
            first, last = found.get(metric, (0, 0) if counted else (missing[0], missing[-1]))
            found[metric] = Window(min(first, missing[0]), max(last, missing[-1]))
    return found


def refill(lookbacks: Iterable[Lookback], records: Sequence[Record]) -> None:
    """Fill what is missing from records in order of time; what is not among them stays lost."""
    for lookback in lookbacks:
        if lookback.part.missing:
            values = ((record, lookback.value(record)) for record in records)
            lookback.part.refill(Point(r.step, r.time, v) for r, v in values if v is not None)
