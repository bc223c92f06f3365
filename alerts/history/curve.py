"""The whole training curve, thinned: its shape from the first point to the last."""

from __future__ import annotations

from typing import Any

from alerts.history.steps import pack, unpack

MOST = 128
DIGITS = 4
"""Significant digits of a loss: a shape needs no more, and every run has one in the document."""


class Curve:
    """Finite losses at even strides, between 64 and 128 of them once there are that many."""

    def __init__(self) -> None:
        self.count = 0
        self.stride = 1
        self.steps: list[int] = []
        self.values: list[float] = []
        self._last: int | None = None

    def push(self, step: int, value: float) -> None:
        """Note one loss, or another for the step that came last, where that one is kept.

        Every second one is dropped when there are too many.
        """
        if step == self._last:
            if (self.count - 1) % self.stride == 0:
                self.values[-1] = _rounded(value)
            return
        self._last = step
        if self.count % self.stride == 0:
            self.steps.append(step)
            self.values.append(_rounded(value))
        self.count += 1
        if len(self.values) > MOST:
            self.steps, self.values = self.steps[::2], self.values[::2]
            self.stride *= 2

    def truncate(self, step: int) -> None:
        """Forget what lies at `step` or later."""
        kept = sum(1 for s in self.steps if s < step)
        del self.steps[kept:], self.values[kept:]
        self.count = kept * self.stride
        self._last = None

    def to_document(self) -> dict[str, Any]:
        """Return plain data for the state document."""
        return {
            "count": self.count,
            "stride": self.stride,
            "steps": pack(self.steps),
            "values": list(self.values),
            "last": self._last,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Curve:
        """Rebuild the curve from `to_document`."""
        curve = cls()
        curve.count, curve.stride = document["count"], document["stride"]
        curve.steps, curve.values = list(unpack(document["steps"])), list(document["values"])
        curve._last = document["last"]
        return curve


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
