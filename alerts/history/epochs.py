"""Mean training loss by epoch."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from alerts.history.means import OpenMean
from alerts.history.series import Series

KEPT = 16
"""Closed epochs: rules look back three, and a resumed run may go back some."""


class EpochMean(NamedTuple):
    """A closed epoch: its number from 1, its first logged step, the mean of its finite losses."""

    number: int
    first_step: int
    mean: float


class Epochs:
    """Closed epochs and the open one; an epoch closes with the first point of a later one."""

    def __init__(self) -> None:
        self.closed: list[EpochMean] = []
        self.number: int | None = None
        self.first_step = 0
        self.open = OpenMean()

    def enter(self, epoch: float, step: int, losses: Series) -> bool:
        """Note a training point at `epoch` before it is put; tell whether that closed an epoch.

        Trainers log the last point of an epoch at exactly k.0, hence the bucket ceil(epoch) - 1.
        """
        number = max(1, math.ceil(epoch))
        if self.number is None:
            self._begin(number, step, None)
            return False
        if number <= self.number:
            self._reopen()
            return False
        closed = self.close(losses)
        self._begin(number, step, step - 1)
        return closed

    def _begin(self, number: int, step: int, start: int | None) -> None:
        self.number = number
        self.first_step = step
        self.open.restart(start)

    def _reopen(self) -> None:
        """Take back that the open epoch was closed: the run had ended and goes on."""
        if self.closed and self.closed[-1].number == self.number:
            self.closed.pop()

    def close(self, losses: Series) -> bool:
        """Close the open epoch; tell whether it had any finite point."""
        self._reopen()
        mean = self.open.value(losses)
        if self.number is None or mean is None:
            return False
        self.closed.append(EpochMean(self.number, self.first_step, mean))
        if len(self.closed) > KEPT:
            del self.closed[1]  # the first one is what the total fall is measured from
        return True

    def truncate(self, step: int) -> None:
        """Reopen the epoch that `step` lies in, and forget later ones: the run was resumed."""
        while self.number is not None and self.first_step >= step:
            last = self.closed.pop() if self.closed else None
            self.number = last.number if last else None
            self.first_step = last.first_step if last else 0
            self.open.restart(last.first_step - 1 if last and self.closed else None)

    def to_document(self) -> dict[str, Any]:
        """Return plain data for the state document."""
        return {
            "closed": [list(epoch) for epoch in self.closed],
            "number": self.number,
            "first_step": self.first_step,
            "open": self.open.to_document(),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Epochs:
        """Rebuild the epochs from `to_document`."""
        epochs = cls()
        epochs.closed = [EpochMean(*epoch) for epoch in document["closed"]]
        epochs.number = document["number"]
        epochs.first_step = document["first_step"]
        epochs.open = OpenMean.from_document(document["open"])
        return epochs
