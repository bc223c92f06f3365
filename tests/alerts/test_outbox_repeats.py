"""What fires on is told again, ever less often; what people know well enough is not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.model import AlertKey, Severity
from alerts.notify import Result
from alerts.outbox import Pace
from alerts.rules import RULES
from tests.support.deliveries import Desk, fired, gpu, key, news
from tests.support.notices import NOW, resolution

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
HOUR = 3600.0


def begin(about: AlertKey, severity: Severity = WARNING, pace: Pace | None = None) -> Desk:
    """Return a desk whose channel was told of this alert at NOW."""
    desk = Desk(pace=pace or Pace(group_wait=0.0))
    desk.tell(fired(about, severity, value=95.5))
    assert len(desk.send()) == 1
    return desk


def repeats(desk: Desk, hours: int, every: float = 0.25) -> list[float]:
    """Let hours pass; return after how many hours something was sent."""
    told = []
    for _ in range(int(hours / every)):
        desk.review(after=every * HOUR)
        for bundle in desk.send():
            assert all(row.kind.value == "repeated" for row in bundle.rows)
            told.append((desk.now - NOW) / HOUR)
    return told


@pytest.mark.parametrize(
    ("rule", "severity", "hours"),
    [
        ("unstable", WARNING, [12, 36, 60, 84]),
        ("nonfinite", CRITICAL, [4, 12, 28, 52, 76]),
        ("early_stop", INFO, []),
        ("training_time_exceeded", WARNING, [24, 48, 72]),
        ("epoch_loss_stall", WARNING, []),
        ("gpu_memory_high", WARNING, []),
        ("gpu_lost", CRITICAL, [24, 48, 72]),
        ("a_rule_of_another_version", WARNING, [12, 36, 60, 84]),
    ],
)
def test_when_people_are_told_again(rule: str, severity: Severity, hours: list[float]) -> None:
    assert repeats(begin(key(rule), severity), hours=90) == hours


def test_every_rule_that_repeats_by_growth_is_not_repeated_by_time() -> None:
    for name, rule in RULES.items():
        if rule.repeat_growth is not None and rule.repeat_every is None:
            assert repeats(begin(key(name)), hours=48) == []


@pytest.mark.parametrize(
    ("pace", "hours"),
    [
        (Pace(group_wait=0, repeat=HOUR), [1, 3, 7, 15, 31, 55]),
        (Pace(group_wait=0, repeat=30 * HOUR), [30]),
        (Pace(group_wait=0, repeat=0), []),
    ],
)
def test_the_pace_is_a_setting(pace: Pace, hours: list[float]) -> None:
    assert repeats(begin(key("unstable"), pace=pace), hours=56) == hours


def test_events_are_told_once() -> None:
    desk = Desk(pace=Pace(group_wait=0))
    desk.tell(fired(key("run_failed"), CRITICAL, event=True))
    desk.send()
    assert repeats(desk, hours=48) == []


def test_an_escalation_begins_anew() -> None:
    desk = begin(key("unstable"))
    desk.review(after=11 * HOUR)
    desk.tell(fired(key("unstable"), CRITICAL))
    assert news(desk.send()) == [[("escalated", "unstable")]]
    assert repeats(desk, hours=13) == [15, 23]


def test_the_end_ends_the_repeats() -> None:
    desk = begin(key("unstable"))
    desk.review(after=13 * HOUR)
    desk.tell(resolution(key=key("unstable")))
    assert news(desk.send()) == [[("resolved", "unstable")]]
    assert repeats(desk, hours=48) == []


def test_an_alert_that_is_kept_but_fires_no_more_is_not_repeated() -> None:
    desk = begin(key("unstable"))
    desk.stands(key("unstable"), firing=False)
    assert repeats(desk, hours=48) == []


def test_a_repeat_waits_for_others_of_its_run() -> None:
    desk = Desk()
    desk.tell(fired(key("unstable")), fired(key("eval_loss_gap")))
    desk.now += 15
    desk.send()
    desk.review(after=12 * HOUR)
    assert desk.send() == []
    desk.now += 15
    assert [len(bundle.rows) for bundle in desk.send()] == [2]


def test_a_repeat_is_stored_before_it_is_sent() -> None:
    desk = begin(key("unstable"))
    desk.now += 12 * HOUR
    desk.box.review(lambda about: desk.standings[about], desk.now)
    assert desk.box.changed
    assert desk.box.bundle("chat", desk.now) is None
    desk.store()
    assert desk.box.bundle("chat", desk.now) is not None


def test_a_repeat_that_fails_counts_once_it_is_delivered() -> None:
    desk = begin(key("unstable"))
    desk.review(after=12 * HOUR)
    desk.send(result=Result.FAILED)
    desk.review(after=HOUR)
    assert news(desk.send()) == [[("repeated", "unstable")]]
    assert [hours - 13 for hours in repeats(desk, hours=30)] == [24]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([95.5, 96, 97, 97.4], []),
        ([96, 97.5, 98, 99.4], [97.5]),
        ([97.5, 95.2, 97.6, 99.6], [97.5, 99.6]),
        ([99.9], [99.9]),
    ],
)
def test_full_memory_is_told_again_when_it_has_grown_by_two_points(
    values: list[float], told: list[float]
) -> None:
    about = gpu("GPU-1", "n1")
    desk = begin(about)
    desk.review(after=1)
    sent = []
    for value in values:
        desk.now += 60
        desk.stands(about, value=value)
        if desk.send():
            sent.append(value)
        desk.review(after=1)
    assert sent == told


def test_growth_counts_from_what_was_told_not_from_what_it_was_then() -> None:
    """The channel failed for a while; its first message told the value of sending."""
    about = gpu("GPU-1", "n1")
    desk = Desk(pace=Pace(group_wait=0))
    desk.tell(fired(about, value=95.5))
    desk.send(result=Result.FAILED)
    desk.now += 600
    desk.stands(about, value=97.9)
    assert len(desk.send()) == 1
    desk.review(after=1)
    assert desk.send() == []
    desk.stands(about, value=99.9)
    assert len(desk.send()) == 1


def test_memory_that_is_only_worth_an_info_is_not_repeated() -> None:
    about = gpu("GPU-1", "n1")
    desk = begin(about, INFO)
    desk.review(after=1)
    desk.stands(about, value=99.9)
    assert desk.send() == []


def test_a_repeat_counts_across_a_restart() -> None:
    desk = begin(key("unstable"))
    desk.review(after=12 * HOUR)
    desk.send()
    again = Desk(pace=desk.pace, now=desk.now, standings=desk.standings)
    again.box.restore(desk.box.to_document(), desk.now)
    assert [hours - 12 for hours in repeats(again, hours=30)] == [24]


@given(st.floats(60, 1e6), st.floats(0, 1e6))
def test_the_waits_never_shrink_and_never_exceed_the_longest(first: float, longest: float) -> None:
    pace = Pace(group_wait=0, repeat=first, repeat_most=longest)
    desk = begin(key("unstable"), pace=pace)
    (row,) = desk.box._desk.ledger.rows.values()
    waits = []
    for count in range(40):
        row = replace(row, repeats=count)
        waits.append(pace.repeat_after(row))
    assert waits == sorted(waits)
    assert waits[0] == first
    assert waits[-1] == max(first, longest) < math.inf
