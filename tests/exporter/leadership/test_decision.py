"""The decision about a Lease, case by case."""

from __future__ import annotations

import math
import time

import pytest

from exporter.leadership import (
    Candidate,
    Observed,
    Record,
    Step,
    Tenure,
    Timing,
    boot_clock,
    decide,
    observe,
)

ME, OTHER = "me", "other"
NOW = 1000.0


def record(holder: str, version: str = "7", duration: float = 15) -> Record:
    return Record(holder, duration, 3, version)


def seen(holder: str | None, age: float = 0.0) -> Observed:
    """Make up what was read `age` seconds ago and has not changed since."""
    return observe(None, None if holder is None else record(holder), NOW - age)


@pytest.mark.parametrize(
    ("holding", "observed", "rests_until", "expected"),
    [
        # Nobody's.
        (False, seen(None), -math.inf, Step.CREATE),
        (False, seen(""), -math.inf, Step.ACQUIRE),
        # Another's: only its silence counts.
        (False, seen(OTHER), -math.inf, Step.WAIT),
        (False, seen(OTHER, age=14.9), -math.inf, Step.WAIT),
        (False, seen(OTHER, age=15.0), -math.inf, Step.ACQUIRE),
        # Ours, by a write whose answer came too late or never.
        (False, seen(ME), -math.inf, Step.ACQUIRE),
        # Ours.
        (True, seen(ME), -math.inf, Step.RENEW),
        (True, seen(ME, age=9.9), -math.inf, Step.RENEW),
        # Ours, and taken or emptied or deleted by somebody who does not keep to the rules.
        (True, seen(OTHER), -math.inf, Step.LOST),
        (True, seen(OTHER, age=60), -math.inf, Step.LOST),
        (True, seen(""), -math.inf, Step.LOST),
        (True, seen(None), -math.inf, Step.CREATE),
        # Resigned: leave it to others, and take our name out of it.
        (False, seen(None), NOW + 1, Step.WAIT),
        (False, seen(""), NOW + 1, Step.WAIT),
        (False, seen(OTHER, age=60), NOW + 1, Step.WAIT),
        (False, seen(ME), NOW + 1, Step.RELEASE),
        (False, seen(""), NOW, Step.ACQUIRE),
    ],
)
def test_decision(holding: bool, observed: Observed, rests_until: float, expected: Step) -> None:  # noqa: FBT001 - a column of the table
    assert decide(Candidate(ME, holding, rests_until), observed, NOW) is expected


def test_a_lease_that_does_not_change_keeps_its_age() -> None:
    first = observe(None, record(OTHER), 100.0)
    again = observe(first, record(OTHER), 110.0)

    assert again.changed_at == 100.0
    assert again.free_at == 115.0


def test_every_write_makes_a_lease_young_again() -> None:
    first = observe(None, record(OTHER, "7"), 100.0)

    assert observe(first, record(OTHER, "8"), 110.0).free_at == 125.0


def test_the_holders_own_promise_counts_not_that_of_the_candidate() -> None:
    assert observe(None, record(OTHER, duration=40), 100.0).free_at == 140.0


def test_a_lease_deleted_under_its_holder_is_not_free_at_once() -> None:
    held = observe(None, record(OTHER), 100.0)
    gone = observe(held, None, 110.0)

    assert decide(Candidate(ME), gone, 124.9) is Step.WAIT
    assert decide(Candidate(ME), gone, 125.0) is Step.CREATE


def test_a_released_lease_that_is_deleted_is_free() -> None:
    released = observe(None, record(""), 100.0)

    assert decide(Candidate(ME), observe(released, None, 110.0), 110.0) is Step.CREATE


def test_a_tenure_counts_from_before_the_renewal_was_sent() -> None:
    tenure = Tenure(sent_at=100.0, renew_deadline=10.0)

    assert tenure.holds(109.9)
    assert not tenure.holds(110.0)


@pytest.mark.parametrize("duration", [1.0, 2.0, 2.5, 15.0, 60.0])
def test_all_periods_follow_from_one(duration: float) -> None:
    timing = Timing(duration)

    assert timing.promise >= duration
    assert timing.renew_deadline < timing.promise * 0.7
    # A renewal that hangs once leaves time for another before the deadline.
    assert timing.renew_period + timing.request_timeout < timing.renew_deadline
    assert timing.candidate_period <= duration / 3


@pytest.mark.parametrize("duration", [0.0, 0.9, -15.0, math.inf, math.nan])
def test_a_lease_that_cannot_work_is_refused(duration: float) -> None:
    with pytest.raises(ValueError, match="at least one second"):
        Timing(duration)


def test_the_boot_clock_counts_sleep() -> None:
    assert boot_clock() >= time.monotonic() - 1
