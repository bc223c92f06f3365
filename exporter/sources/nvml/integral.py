"""From samples to counters and extremes: nothing between two reads is missed, nothing invented."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

SHORTEST_GAP = 600_000
"""Microseconds: drivers sample utilization five or six times a second, some once."""
LONGEST_STEP = 2_000_000
STEPS_OF_A_GAP = 3
LONGEST_GAP = 7 * 86_400_000_000
"""Microseconds; a longer one is not time that passed, but a clock that was changed for another."""
MOST_SILENT_READS = 3
WINDOW = 60_000_000
MOST_READS = 64


class Sample(NamedTuple):
    """One sample of a ring: microseconds on the driver's own clock, and what was seen then.

    Its value holds for the time since the sample before. That clock may count from the boot of the
    machine or from 1970, so that only differences mean anything.
    """

    at: int
    value: float


class BusyTime:
    """Integrates utilization (percent): busy += value / 100 x the time since the sample before.

    However the samples are cut into reads, and however these overlap, the sums are the same. Time
    of which no sample tells is a gap; it is counted apart and adds nothing to the busy time.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._step = LONGEST_STEP
        self._percent_microseconds: float = 0
        self._gap_microseconds = 0
        self._was_idle = False
        self._silent_reads = 0

    @property
    def known(self) -> bool:
        """Whether samples come: without any, sums that stand still would look like idleness."""
        return self._last is not None and self._silent_reads < MOST_SILENT_READS

    @property
    def seconds(self) -> float:
        """Seconds in which a kernel ran."""
        return self._percent_microseconds / 1e8

    @property
    def gap_seconds(self) -> float:
        """Seconds of which nothing is known."""
        return self._gap_microseconds / 1e6

    def take(self, ring: Iterable[Sample], *, idle: bool = False) -> None:
        """Take in what a ring holds, also what it held before.

        Some drivers take no samples while the GPU idles: where there is no new one and `idle` says
        that the utilization is zero, the time up to the next sample is no gap.
        """
        samples = sorted(ring)
        last = -1 if self._last is None else self._last
        fresh = [sample for sample in samples if sample.at > last]
        for sample in fresh:
            self._add(sample)
        if samples and samples[-1].at < last:
            # The driver's clock was set back, or the driver was loaded anew.
            self._last = samples[-1].at
        self._was_idle = idle and not fresh
        self._silent_reads = 0 if fresh or idle else self._silent_reads + 1

    def is_news(self, ring: Iterable[Sample]) -> bool:
        """Say whether the ring holds a sample that was not taken yet."""
        last = -1 if self._last is None else self._last
        return any(sample.at > last for sample in ring)

    def _add(self, sample: Sample) -> None:
        last, self._last = self._last, sample.at
        if last is None:
            return
        span = sample.at - last
        longest = min(LONGEST_STEP, max(SHORTEST_GAP, STEPS_OF_A_GAP * self._step))
        if span > longest or not 0 <= sample.value <= 100:
            is_gap = not self._was_idle and span <= LONGEST_GAP
            self._gap_microseconds += span if is_gap else 0
        else:
            self._percent_microseconds += sample.value * span
        self._step = min(self._step, span)
        self._was_idle = False


class Extremes:
    """The lowest and highest sample of the last minute, so that no scrape misses a peak."""

    def __init__(self) -> None:
        self._reads: deque[_Extent] = deque(maxlen=MOST_READS)

    def take(self, ring: Iterable[Sample]) -> tuple[float, float] | None:
        """Take in what a ring holds, and return the lowest and the highest value of a minute.

        None is a ring without a new sample: its clock stands still, and so would the minute.
        """
        samples = sorted(ring)
        last = self._reads[-1].end if self._reads else -1
        if samples and samples[-1].at < last:
            # The driver's clock was set back, or the driver was loaded anew.
            self._reads.clear()
            last = -1
        fresh = [sample.value for sample in samples if sample.at > last]
        if not fresh:
            return None
        end = samples[-1].at
        self._reads.append(_Extent(end, min(fresh), max(fresh)))
        recent = [read for read in self._reads if end - read.end < WINDOW]
        return min(read.low for read in recent), max(read.high for read in recent)


class _Extent(NamedTuple):
    """The lowest and the highest sample of one read, and when (microseconds) the last was."""

    end: int
    low: float
    high: float
