"""However samples are cut into reads, the busy time is the same, and gaps are counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sources.nvml.integral import BusyTime, Extremes, Sample

SECOND = 1_000_000
STEP = 200_000

spans = st.one_of(
    st.integers(1, 60 * SECOND), st.just(STEP), st.just(STEP), st.just(STEP), st.just(STEP)
)
percentages = st.one_of(st.integers(0, 100), st.integers(101, 2**32 - 1))


@st.composite
def streams(draw: st.DrawFn) -> list[Sample]:
    """Draw the samples of a while, with holes and with values that no percentage has."""
    at = draw(st.integers(1, 2**51))
    samples = []
    for span, value in draw(st.lists(st.tuples(spans, percentages), min_size=1, max_size=40)):
        at += span
        samples.append(Sample(at, value))
    return samples


def ramp(*values: float, start: int = 5 * SECOND, step: int = STEP) -> list[Sample]:
    return [Sample(start + number * step, value) for number, value in enumerate(values)]


def taken(*reads: Sequence[Sample], idle: bool = False) -> BusyTime:
    busy = BusyTime()
    for read in reads:
        busy.take(read, idle=idle)
    return busy


@given(st.data())
def test_any_cutting_of_a_stream_into_reads_gives_the_same_sums(data: st.DataObject) -> None:
    stream = data.draw(streams())
    ends = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    overlaps = data.draw(st.lists(st.integers(0, 10), min_size=9, max_size=9))

    def reads() -> Iterator[list[Sample]]:
        bounds = [0, *ends, len(stream)]
        for (begin, end), overlap in zip(pairwise(bounds), overlaps, strict=False):
            yield data.draw(st.permutations(stream[max(0, begin - overlap) : end]))

    whole, parts = taken(stream), taken(*reads())
    assert (parts.seconds, parts.gap_seconds) == (whole.seconds, whole.gap_seconds)


@given(streams())
def test_busy_and_gap_never_exceed_the_time_that_passed(stream: list[Sample]) -> None:
    busy = taken(stream)
    passed = (stream[-1].at - stream[0].at) / SECOND
    assert busy.seconds >= 0
    assert busy.seconds + busy.gap_seconds <= passed * (1 + 1e-9)


@given(streams())
def test_what_is_no_gap_was_busy_as_far_as_the_samples_say(stream: list[Sample]) -> None:
    full = [sample._replace(value=100) for sample in stream]
    busy = taken(full)
    passed = (stream[-1].at - stream[0].at) / SECOND
    assert busy.seconds + busy.gap_seconds == pytest.approx(passed)


def test_each_sample_speaks_for_the_time_since_the_one_before() -> None:
    busy = taken(ramp(77, 100, 50, 0))
    assert (busy.seconds, busy.gap_seconds) == pytest.approx((0.3, 0))


@pytest.mark.parametrize(
    ("step", "hole", "gap"),
    [
        (STEP, 0.6, 0.0),
        (STEP, 0.7, 0.7),
        (167_000, 14.0, 14.0),
        (SECOND, 2.0, 0.0),
        (SECOND, 2.1, 2.1),
    ],
)
def test_a_ring_that_ran_over_leaves_a_gap_and_no_busy_time(
    step: int, hole: float, gap: float
) -> None:
    early = ramp(100, 100, 100, step=step)
    late = ramp(100, 100, start=early[-1].at + int(hole * SECOND), step=step)
    busy = taken(early, late)
    assert busy.gap_seconds == pytest.approx(gap)
    assert busy.seconds == pytest.approx(3 * step / SECOND + hole - gap)


def test_a_value_that_is_no_percentage_is_a_gap_of_one_step() -> None:
    busy = taken(ramp(100, 100, 4_294_967_295, 100))
    assert (busy.seconds, busy.gap_seconds) == pytest.approx((0.4, 0.2))


def test_a_driver_that_takes_no_samples_of_an_idle_gpu_leaves_no_gap() -> None:
    before, after = ramp(0, 0, 0), ramp(50, 50, start=30 * SECOND)
    busy = taken(before, before, [*before, *after], idle=True)
    assert (busy.seconds, busy.gap_seconds) == pytest.approx((0.1, 0))
    assert taken(before, before, [*before, *after]).gap_seconds == pytest.approx(24.6)


def test_idleness_excuses_one_hole_alone() -> None:
    first, second = ramp(0, 0), ramp(0, 0, start=30 * SECOND)
    busy = BusyTime()
    busy.take(first)
    busy.take(first, idle=True)
    busy.take(second)
    busy.take(ramp(0, start=60 * SECOND))
    assert busy.gap_seconds == pytest.approx(29.8)


def test_a_clock_that_was_set_back_starts_anew_without_a_jump() -> None:
    busy = taken(ramp(100, 100, start=900 * SECOND), ramp(100, 100, 100))
    assert (busy.seconds, busy.gap_seconds) == pytest.approx((0.2, 0))
    busy.take(ramp(100, 100, 100, 100))
    assert (busy.seconds, busy.gap_seconds) == pytest.approx((0.4, 0))


def test_samples_that_come_no_more_while_the_gpu_works_are_no_idleness() -> None:
    ring = ramp(100, 100, 100)
    assert taken(ring, ring, ring).known, "a ring may be read more often than it is filled"
    assert not taken(ring, ring, [], ring).known
    assert taken(ring, *[ring] * 9, ramp(100, start=90 * SECOND)).known
    assert taken(ring, *[ring] * 9, idle=True).known


def test_another_clock_is_no_gap_of_decades() -> None:
    busy = BusyTime()
    since_boot, since_1970 = 3_600 * SECOND, 1_760_000_000 * SECOND
    for begin in (since_boot, since_1970):
        busy.take([Sample(begin + step * SECOND // 5, 50) for step in range(6)])
    assert (busy.seconds, busy.gap_seconds) == (1.0, 0.0)


def test_before_the_first_sample_nothing_is_known() -> None:
    busy = taken([], [])
    assert not busy.known
    assert taken(ramp(100)).known


def test_news_is_what_was_not_taken_yet() -> None:
    busy = BusyTime()
    assert not busy.is_news([])
    assert busy.is_news(ramp(1))
    busy.take(ramp(1))
    assert not busy.is_news(ramp(1))
    assert busy.is_news(ramp(1, 2))


def test_extremes_are_those_of_the_last_minute() -> None:
    power = Extremes()
    assert power.take(ramp(100, 700, 300)) == (100, 700)
    assert power.take(ramp(200, 250, start=35 * SECOND)) == (100, 700)
    assert power.take(ramp(210, 220, start=64 * SECOND)) == (100, 700)
    assert power.take(ramp(215, 225, start=66 * SECOND)) == (200, 250)


def test_a_peak_ends_a_minute_after_it_was_seen_and_not_as_long_as_the_ring_has_it() -> None:
    power, ring = Extremes(), ramp(700, 100, 100)
    assert power.take(ring) == (100, 700)
    for second in range(6, 67):
        ring = [*ring, Sample(second * SECOND, 100)]
        last = power.take(ring)
    assert last == (100, 100)


def test_a_ring_without_news_has_no_extremes() -> None:
    power = Extremes()
    assert power.take([]) is None
    assert power.take(ramp(5)) == (5, 5)
    assert power.take(ramp(5)) is None


def test_extremes_start_anew_when_the_clock_was_set_back() -> None:
    power = Extremes()
    assert power.take(ramp(900, start=900 * SECOND)) == (900, 900)
    assert power.take(ramp(3)) == (3, 3)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=300))
def test_extremes_hold_few_reads_however_many_there_were(values: list[int]) -> None:
    power = Extremes()
    for number, value in enumerate(values):
        assert power.take([Sample((number + 1) * 10_000, value)]) is not None
    assert len(power._reads) <= 64
