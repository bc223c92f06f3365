"""A worker survives what its tick raises, and says when it hangs."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import pytest

from exporter.daemon import Worker


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def worker(
    tick: Callable[[float], float], clock: Clock, *, liveness: float | None = 30.0
) -> Worker:
    return Worker("subject", tick, liveness=liveness, clock=lambda: 1e9, monotonic=clock)


def test_a_tick_gets_unix_time_and_sets_the_delay() -> None:
    seen: list[float] = []

    def tick(now: float) -> float:
        seen.append(now)
        return 7.0

    assert worker(tick, Clock()).step() == 7.0
    assert seen == [1e9]


def test_a_negative_delay_means_at_once() -> None:
    assert worker(lambda _: -3.0, Clock()).step() == 0.0


def test_an_error_is_counted_and_retried_later_each_time() -> None:
    def tick(_now: float) -> float:
        raise ZeroDivisionError

    subject = worker(tick, Clock())
    assert [subject.step() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert subject.failures == 8


def test_a_success_ends_the_backoff() -> None:
    answers = iter([None, None, 5.0, None])

    def tick(_now: float) -> float:
        answer = next(answers)
        if answer is None:
            raise ZeroDivisionError
        return answer

    subject = worker(tick, Clock())
    assert [subject.step() for _ in range(4)] == [1, 2, 5, 1]


def test_an_error_is_told_once_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    errors = iter([ValueError("at 12:00"), ValueError("at 12:01"), KeyError("other")])

    def tick(_now: float) -> float:
        raise next(errors)

    subject = worker(tick, Clock())
    for _ in range(3):
        subject.step()
    assert [record.getMessage() for record in caplog.records] == [
        "worker subject failed and goes on: ValueError('at 12:00')",
        "worker subject failed and goes on: KeyError('other')",
    ]
    assert all(record.exc_info and record.exc_info[2] for record in caplog.records)
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


@pytest.mark.parametrize(
    ("liveness", "late_by", "overdue"),
    [(30.0, 30.0, None), (30.0, 31.0, 31.0), (None, 1e9, None)],
)
def test_a_tick_under_way_for_too_long_is_overdue(
    liveness: float | None, late_by: float, overdue: float | None
) -> None:
    clock = Clock()
    found: list[float | None] = []

    def hang(_now: float) -> float:
        clock.now += late_by
        found.append(subject.overdue(clock.now))
        return 0.0

    subject = worker(hang, clock, liveness=liveness)
    subject.step()
    assert found == [overdue]


@pytest.mark.parametrize("delay", [300.0, math.inf])
def test_waiting_for_the_next_tick_is_not_being_late(delay: float) -> None:
    clock = Clock()
    subject = worker(lambda _: delay, clock)
    subject.step()
    assert subject.overdue(clock.now + 299) is None


def test_a_tick_that_never_comes_is_overdue() -> None:
    clock = Clock()
    subject = worker(lambda _: 300.0, clock)
    subject.step()
    assert subject.overdue(clock.now + 331) == 31
