"""At most so many messages an hour and then a digest, but what is critical always goes."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.model import Severity
from alerts.notify import Delivery, Result
from alerts.outbox import Bundle, Pace
from tests.support.deliveries import Desk, fired, key
from tests.support.notices import Told, resolution

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
HOUR = 3600.0
REJECTED = Delivery(Result.REJECTED, "HTTP 404")


@pytest.fixture
def desk() -> Desk:
    return Desk(pace=Pace(group_wait=0))


def burst(desk: Desk, count: int, severity: Severity = WARNING, name: str = "run") -> None:
    """Let so many runs fire at once."""
    desk.tell(*(fired(key("unstable", f"{name}-{n}"), severity) for n in range(count)))


def shape(bundles: list[Bundle]) -> list[int]:
    """Return the number of rows of each message, negative for a digest."""
    return [-len(bundle.rows) if bundle.is_digest else len(bundle.rows) for bundle in bundles]


@pytest.mark.parametrize(
    ("runs", "messages"),
    [
        (19, [1] * 19),
        (20, [1] * 20),
        (21, [*[1] * 19, -2]),
        (500, [*[1] * 19, -481]),
    ],
)
def test_the_last_message_of_the_hour_is_a_digest(
    desk: Desk, runs: int, messages: list[int]
) -> None:
    burst(desk, runs)
    assert shape(desk.send()) == messages
    assert desk.box.pending() == {"chat": 0}


def test_a_digest_says_how_many_of_what_and_since_when(desk: Desk) -> None:
    burst(desk, 18)
    since = desk.now = desk.now + 5
    desk.tell(fired(key("plateau", "a"), INFO), fired(key("plateau", "b"), INFO))
    desk.now += 60
    desk.tell(
        fired(key("plateau", "c"), INFO), fired(key("unstable", "d")), fired(key("unstable", "e"))
    )
    *_, digest = desk.send()
    assert digest.is_digest
    assert digest.counts() == {("plateau", "info"): 3, ("unstable", "warning"): 1}
    assert digest.since() == since


def test_a_digest_does_not_call_an_end_an_alert(desk: Desk) -> None:
    burst(desk, 19)
    desk.send()
    desk.now += HOUR
    desk.tell(*(resolution(key=key("unstable", f"run-{n}")) for n in range(19)))
    burst(desk, 2, name="new")
    *_, digest = desk.send()
    assert digest.is_digest
    assert sum(digest.counts().values()) == 2
    burst(desk, 30, name="later")
    desk.tell(*(resolution(key=key("unstable", f"later-{n}")) for n in range(30)))
    desk.now += HOUR
    *_, digest = desk.send()
    assert digest.counts() == {("unstable", "resolved"): 11}


def test_when_the_hour_is_full_news_waits_for_room(desk: Desk) -> None:
    burst(desk, 20)
    assert len(desk.send()) == 20
    first = desk.now
    for number in range(5):
        desk.now += 60
        burst(desk, 1, name=f"late-{number}")
    assert desk.send() == []
    assert desk.box.next_due("chat", desk.now) == first + HOUR
    assert desk.box.pending() == {"chat": 5}
    desk.now = first + HOUR
    assert shape(desk.send()) == [1, 1, 1, 1, 1], "there is room for twenty again"


def test_one_slot_that_opens_tells_all_that_waited(desk: Desk) -> None:
    burst(desk, 1)
    desk.send()
    desk.now += 30
    burst(desk, 19, name="more")
    desk.send()
    burst(desk, 7, name="late")
    desk.now += HOUR - 30
    assert shape(desk.send()) == [-7]
    assert desk.send() == []


def test_what_is_critical_is_never_held_back(desk: Desk) -> None:
    burst(desk, 30)
    desk.send()
    burst(desk, 40, CRITICAL, name="bad")
    assert shape(desk.send()) == [1] * 40
    desk.tell(resolution(key=key("unstable", "bad-1"), severity=CRITICAL))
    assert shape(desk.send()) == [1]


def test_critical_messages_use_up_the_room_of_others(desk: Desk) -> None:
    burst(desk, 25, CRITICAL, name="bad")
    desk.send()
    burst(desk, 1)
    assert desk.send() == []


def test_critical_news_takes_along_what_the_limit_held_back(desk: Desk) -> None:
    burst(desk, 20)
    desk.send()
    desk.tell(fired(key("plateau", "x")))
    assert desk.send() == []
    desk.tell(fired(key("nonfinite", "x"), CRITICAL))
    assert shape(desk.send()) == [2]


def test_a_digest_never_holds_what_is_critical(desk: Desk) -> None:
    burst(desk, 19)
    desk.send()
    burst(desk, 3, name="more")
    desk.tell(fired(key("nonfinite", "x"), CRITICAL))
    critical = desk.box.bundle("chat", desk.now)
    assert critical is not None
    desk.box.mark(critical, Delivery(Result.FAILED, "HTTP 500"), desk.now)
    desk.store()
    digest = desk.box.bundle("chat", desk.now)
    assert digest is not None
    assert digest.is_digest
    assert not [row for row in digest.rows if row.urgent]


def test_what_a_digest_told_of_is_told_as_resolved(desk: Desk) -> None:
    burst(desk, 25)
    desk.send()
    desk.now += HOUR
    desk.tell(resolution(key=key("unstable", "run-24")))
    assert shape(desk.send()) == [1]


def test_a_digest_that_fails_is_tried_again(desk: Desk) -> None:
    burst(desk, 19)
    desk.send()
    burst(desk, 3, name="more")
    assert shape(desk.send(result=Result.FAILED)) == [-3]
    assert desk.box.pending() == {"chat": 3}
    desk.now += 5
    assert shape(desk.send()) == [-3]


def test_messages_that_may_have_arrived_count_and_others_do_not(desk: Desk) -> None:
    burst(desk, 1)
    for _ in range(30):
        desk.send(result=Result.FAILED)
        desk.now += 60
    desk.now += 300
    assert len(desk.send()) == 1
    burst(desk, 19, name="more")
    assert len(desk.send()) == 19

    other = Desk(pace=desk.pace)
    burst(other, 20)
    assert len(other.send(result=Result.FAILED, uncertain=True)) == 20
    other.now += 300
    assert other.send() == []


def test_each_channel_has_a_limit_of_its_own() -> None:
    desk = Desk((Told("chat"), Told("mail")), pace=Pace(group_wait=0, hourly=2))
    burst(desk, 5)
    assert shape(desk.send("chat")) == [1, -4]
    assert shape(desk.send("mail")) == [1, -4]


def test_the_limit_survives_a_restart(desk: Desk) -> None:
    burst(desk, 20)
    desk.send()
    again = Desk(pace=desk.pace, now=desk.now)
    again.box.restore(json.loads(json.dumps(desk.box.to_document())), desk.now)
    burst(again, 1, name="late")
    assert again.send() == []
    again.now += HOUR
    assert shape(again.send()) == [1]


def test_a_clock_that_was_set_back_holds_back_nobody(desk: Desk) -> None:
    burst(desk, 20)
    desk.send()
    desk.now -= 10 * HOUR
    burst(desk, 1, name="late")
    assert shape(desk.send()) == [1]


@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 9), st.booleans()), max_size=25))
def test_no_hour_has_more_than_the_limit(steps: list[tuple[int, int, bool]]) -> None:
    """Whatever comes when: never more than five in an hour, but for critical ones, and no loss."""
    # Without repeats, which would go on taking the room of what waits.
    pace = Pace(group_wait=15, hourly=5, repeat_critical=0)
    desk, sent = Desk(pace=pace), list[tuple[float, Bundle]]()
    expected = 0
    for number, (seconds, count, critical) in enumerate(steps):
        burst(desk, count, CRITICAL if critical else WARNING, name=f"{number}")
        expected += count
        for _ in range(0, seconds, 200):
            desk.review(after=200)
            sent += [(desk.now, bundle) for bundle in desk.send()]
    for _ in range(40):
        desk.review(after=200)
        sent += [(desk.now, bundle) for bundle in desk.send()]
    held = [at for at, bundle in sent if not bundle.rows[0].urgent]
    for at in held:
        assert sum(at - HOUR < other <= at for other in held) <= 5
    told = {row.key for _, bundle in sent for row in bundle.rows if row.repeats == 0}
    assert len(told) == expected
    assert not any(desk.box.pending().values())


def test_a_state_that_is_too_large_turns_the_oldest_into_a_number(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    burst(desk, 100)
    desk.now += 1
    burst(desk, 100, CRITICAL, name="bad")
    desk.now += 1
    burst(desk, 100, name="late")
    before = _size(desk)
    desk.box.fold(before // 4, desk.now)
    assert _size(desk) <= before * 0.77
    left = [row.key.subject.id for row in desk.box.due("chat", desk.now)]
    assert sum(name.startswith("bad") for name in left) == 100
    assert sum(name.startswith("late") for name in left) == 100
    folded = 300 - len(left)
    assert 70 <= folded <= 80
    assert desk.box.outcomes()["chat", "folded"] == folded
    assert f"{folded} undelivered alerts became a digest" in caplog.text


def _size(desk: Desk) -> int:
    return len(json.dumps(desk.box.to_document(), separators=(",", ":")))


def test_what_was_folded_is_told_as_a_number(desk: Desk) -> None:
    burst(desk, 10)
    desk.box.fold(10**9, desk.now)
    assert desk.box.bundle("chat", desk.now) is None, "not before it is stored"
    desk.store()
    desk.now += 1
    burst(desk, 2, name="late")
    (digest,) = desk.send()
    assert digest.counts() == {("unstable", "warning"): 12}
    assert digest.since() == desk.now - 1
    assert desk.box.pending() == {"chat": 0}
    assert desk.send() == []


def test_what_is_folded_while_the_digest_is_under_way_is_not_lost(desk: Desk) -> None:
    burst(desk, 10)
    desk.box.fold(10**9, desk.now)
    desk.store()
    under_way = desk.box.bundle("chat", desk.now)
    assert under_way is not None
    burst(desk, 3, name="late")
    desk.box.fold(10**9, desk.now)
    desk.box.mark(under_way, Delivery(Result.DELIVERED), desk.now)
    desk.store()
    (rest,) = desk.send()
    assert rest.counts() == {("unstable", "warning"): 3}


def test_a_folded_digest_survives_a_restart_and_failures(desk: Desk) -> None:
    burst(desk, 10)
    desk.box.fold(10**9, desk.now)
    desk.store()
    desk.send(result=Result.FAILED)
    again = Desk(pace=desk.pace, now=desk.now)
    again.box.restore(json.loads(json.dumps(desk.box.to_document())), desk.now)
    assert again.send() == [], "its backoff goes on"
    again.now += 5
    (digest,) = again.send()
    assert digest.counts() == {("unstable", "warning"): 10}


@pytest.mark.parametrize("why", ["rejected", "a day"])
def test_a_digest_that_nobody_takes_is_given_up_aloud(
    desk: Desk, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    burst(desk, 10)
    desk.box.fold(10**9, desk.now)
    desk.store()
    if why == "a day":
        desk.now += 24 * HOUR
    for _ in range(3):
        if (bundle := desk.box.bundle("chat", desk.now)) is not None:
            desk.box.mark(bundle, REJECTED, desk.now)
        desk.now += 300
    assert desk.box.pending() == {"chat": 0}
    assert desk.box.outcomes()["chat", "dead_letter"] == 1
    assert "digest of 10: given up" in caplog.text
    assert [r.levelno for r in caplog.records][-1] == logging.ERROR


def test_a_digest_of_a_channel_that_is_gone_is_said(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    burst(desk, 10)
    desk.box.fold(10**9, desk.now)
    desk.box.configure([Told("mail")], desk.pace, desk.now)
    assert "channel chat is gone: digest of 10 goes to: nobody" in caplog.text
    assert desk.box.pending() == {"mail": 0}


def test_what_is_withheld_or_told_is_not_folded(desk: Desk) -> None:
    desk.tell(fired(key("unstable", "told")))
    desk.send()
    desk.tell(fired(key("unstable", "muted")), muted=True)
    desk.box.fold(10**9, desk.now)
    assert desk.box.pending() == {"chat": 0}
    assert len(desk.box.episodes()) == 2
