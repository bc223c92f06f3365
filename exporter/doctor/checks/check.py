"""What a check is: a name, what it looks at, and a function that looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from exporter.config import Config
from exporter.doctor.finding import Level, Place, Remark
from exporter.doctor.training import Training

Judge = Callable[[Training, Config], Iterator[Remark]]
"""Looks at one configuration, beside that of tunewatch."""


class Check(NamedTuple):
    """One row of the table; `level` is the gravest that it can say."""

    name: str
    level: Level
    asks: str
    judge: Judge


def error(place: Place, what: str, remedy: str) -> Remark:
    """Return a remark on what keeps a run from training, or tunewatch from seeing it."""
    return Remark(place, Level.ERROR, what, remedy)


def warning(place: Place, what: str, remedy: str) -> Remark:
    """Return a remark on what will be regretted."""
    return Remark(place, Level.WARNING, what, remedy)


def note(place: Place, what: str, remedy: str) -> Remark:
    """Return a remark on what is good to know."""
    return Remark(place, Level.NOTE, what, remedy)
