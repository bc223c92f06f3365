"""What the rules know of one GPU: its newest reading, and what they remember of earlier ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from alerts.model import GpuObservation

XIDS_KEPT = 86_400.0
"""Seconds for which an Xid error is remembered, longer than any rule tells of it."""
POINTS = 60
"""How many readings a window of busy seconds keeps at most; what lies between them is summed up."""
LONGEST_GAP = 0.2
"""The share of the window of which nothing need be known, between two readings or in all."""


class Busy(NamedTuple):
    """One reading of cumulative busy seconds, and of those of which nothing is known.

    `at` is Unix seconds.
    """

    at: float
    seconds: float
    unknown: float = 0.0


class BusyWindow:
    """How busy a GPU was over the last so many seconds; begins anew when its counter does."""

    def __init__(self) -> None:
        self._marks: deque[Busy] = deque()
        self._newest: Busy | None = None

    def note(self, reading: Busy, window: float) -> None:
        """Take in a reading; one of the same instant as the last is none."""
        last = self._newest
        if last is not None and not _continues(last, reading, window):
            self._marks.clear()
        if last is None or reading != last:
            self._newest = reading
        if not self._marks or reading.at - self._marks[-1].at >= window / POINTS:
            self._marks.append(reading)
        while len(self._marks) > 1 and self._marks[1].at <= reading.at - window:
            self._marks.popleft()

    def share(self, at: float, window: float) -> float | None:
        """Return the share (0-1) of the window up to `at` that was busy.

        None before the window is full, without a reading of that instant, and where of too much of
        the window nothing is known.
        """
        if self._newest is None or self._newest.at != at:
            return None
        first, newest = self._marks[0], self._newest
        span, unknown = newest.at - first.at, newest.unknown - first.unknown
        if span < window or unknown > LONGEST_GAP * span:
            return None
        return min(1.0, (newest.seconds - first.seconds) / (span - unknown))


def _continues(last: Busy, reading: Busy, window: float) -> bool:
    counts_on = reading.seconds >= last.seconds and reading.unknown >= last.unknown
    return counts_on and 0 <= reading.at - last.at <= LONGEST_GAP * window


class GpuHistory:
    """One GPU under watch; bounded whatever comes. Of all this only `xid_at` outlives a restart.

    `gpu` is the newest observation. `xid_at` is when each Xid code came last, as the clock of its
    machine had it. Where the driver has no cumulative busy seconds, its samples are summed up.
    """

    def __init__(self, gpu: GpuObservation, xid_at: Mapping[int, float] | None = None) -> None:
        self.gpu = gpu
        self.xid_at: dict[int, float] = dict(xid_at or {})
        self._window = BusyWindow()
        self._sampled: Busy | None = None
        self._joined: dict[str, float] = {}

    def note(self, gpu: GpuObservation, window: float) -> None:
        """Take in an observation; `window` is for how many seconds back busy time is asked."""
        self._note_xids(gpu)
        busy = self._busy(gpu)
        if busy is not None:
            self._window.note(busy, window)
        if gpu.runs is not None:
            self._joined = {run: self._joined.get(run, gpu.observed_at) for run in gpu.runs}
        self.gpu = gpu

    def busy_share(self, window: float) -> float | None:
        """Return the share (0-1) of the last so many seconds that was busy, None before that."""
        return self._window.share(self.gpu.observed_at, window)

    def trained_for(self) -> float:
        """Return for how many seconds the run that has been here longest has trained here."""
        begun = min(self._joined.values(), default=self.gpu.observed_at)
        return self.gpu.observed_at - begun

    def _note_xids(self, gpu: GpuObservation) -> None:
        now = gpu.observed_at
        for code, at in gpu.xid_at.items():
            self.xid_at[code] = max(at, self.xid_at.get(code, at))
        # Nothing lies in the future: that clock was set back.
        kept = {code: min(at, now) for code, at in self.xid_at.items()}
        self.xid_at = {code: at for code, at in kept.items() if now - at <= XIDS_KEPT}

    def _busy(self, gpu: GpuObservation) -> Busy | None:
        """Return the cumulative busy seconds, those of samples where there are no others."""
        if gpu.busy_seconds is not None:
            self._sampled = None
            return Busy(gpu.observed_at, gpu.busy_seconds, gpu.busy_gap_seconds)
        if gpu.utilization is None:
            return None
        last = self._sampled or Busy(gpu.observed_at, 0.0)
        grown = max(0.0, gpu.observed_at - last.at) * gpu.utilization / 100
        self._sampled = Busy(gpu.observed_at, last.seconds + grown)
        return self._sampled
