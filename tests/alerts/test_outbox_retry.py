"""Deliveries that fail: when the outbox tries again, gives up, and who else is told."""

from __future__ import annotations

import logging

import pytest

from alerts.model import AlertKey, Severity, Transition
from alerts.notify import Delivery, Kind, Result
from alerts.outbox import Outbox, Pace, Row
from alerts.outbox.retry import backoff
from tests.support.deliveries import AT_ONCE, Desk, alone, fired, key, news
from tests.support.notices import KEY, NOW, Told, resolution, transition

DAY = 24 * 3600.0
DELIVERED = Delivery(Result.DELIVERED)
FAILED = Delivery(Result.FAILED, "HTTP 500")
TIMED_OUT = Delivery(Result.FAILED, "timed out", uncertain=True)
LIMITED = Delivery(Result.RATE_LIMITED, "HTTP 429")
REJECTED = Delivery(Result.REJECTED, "HTTP 404")


def outbox(*channels: Told) -> Outbox:
    """Return an empty outbox that always waits for the longest of its backoff."""
    return Outbox(channels or (Told("chat"),), jitter=lambda: 1.0, pace=AT_ONCE)


def tell(box: Outbox, *transitions: Transition, now: float = NOW) -> None:
    for each in transitions:
        box.enqueue(each, now)
    box.mark_stored(box.to_document())


def next_row(box: Outbox, channel: str = "chat") -> tuple[Row, float]:
    """Return the row that is sent next, and when."""
    at = box.next_due(channel, NOW)
    assert at is not None
    return box.due(channel, at)[0], at


def fail(box: Outbox, delivery: Delivery, times: int, channel: str = "chat") -> float:
    """Fail that often, each time as soon as the row is due; return the time of the last."""
    at = NOW
    for _ in range(times):
        row, at = next_row(box, channel)
        box.mark(alone(row), delivery, at)
        box.mark_stored(box.to_document())
    return at


def dead_letters(box: Outbox, channel: str = "chat") -> int:
    return box.outcomes()[channel, "dead_letter"]


@pytest.mark.parametrize(
    ("attempts", "jitter", "seconds"),
    [
        (1, 1.0, 5.0),
        (2, 1.0, 10.0),
        (3, 1.0, 20.0),
        (7, 1.0, 300.0),
        (5000, 1.0, 300.0),
        (3, 0.5, 10.0),
        (9, 0.0, 1.0),
    ],
)
def test_backoff(attempts: int, jitter: float, seconds: float) -> None:
    assert backoff(attempts, lambda: jitter) == seconds


def test_a_failed_row_waits_longer_each_time() -> None:
    box = outbox()
    tell(box, transition())
    waits = []
    at = NOW
    for _ in range(8):
        row, at = next_row(box)
        assert box.due("chat", at - 0.001) == []
        box.mark(alone(row), FAILED, at)
        waits.append((box.next_due("chat", NOW) or 0.0) - at)
    assert waits == pytest.approx([5, 10, 20, 40, 80, 160, 300, 300])


def test_a_retry_needs_no_second_store() -> None:
    box = outbox()
    tell(box, transition())
    (row,) = box.due("chat", NOW)
    box.mark(alone(row), FAILED, NOW)
    assert box.changed
    assert len(box.due("chat", NOW + 5)) == 1


def test_after_a_day_a_row_is_a_dead_letter(caplog: pytest.LogCaptureFixture) -> None:
    box = outbox()
    tell(box, transition())
    last = fail(box, FAILED, 1)
    while box.pending()["chat"]:
        last = fail(box, FAILED, 1)
    assert DAY <= last - NOW <= DAY + 300
    assert dead_letters(box) == 1
    assert "24 h" in caplog.text
    severe = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(severe) == 2, "the first failure and the end of trying"


@pytest.mark.parametrize("refusal", [FAILED, REJECTED], ids=["down for a day", "refused"])
def test_what_was_given_up_is_tried_again_while_it_fires(refusal: Delivery) -> None:
    desk = Desk(pace=Pace(group_wait=0))
    desk.tell(fired(key("plateau")))
    while desk.box.pending()["chat"]:
        desk.send(result=refusal.result)
        desk.review(after=300)
    desk.review(after=12 * 3600 - 600)
    assert desk.send() == []
    desk.review(after=600)
    assert news(desk.send()) == [[("firing", "plateau")]], "not as if it had been told before"
    desk.tell(resolution(key=key("plateau")))
    assert news(desk.send()) == [[("resolved", "plateau")]]


def test_what_was_given_up_and_became_worse_is_told_as_new() -> None:
    desk = Desk(pace=AT_ONCE)
    desk.tell(fired(key("plateau")))
    for _ in range(3):
        desk.send(result=Result.REJECTED)
        desk.review(after=300)
    desk.tell(fired(key("plateau"), Severity.CRITICAL))
    assert news(desk.send()) == [[("firing", "plateau")]]


def test_the_end_of_what_was_given_up_is_no_news() -> None:
    desk = Desk(pace=AT_ONCE)
    desk.tell(fired(key("plateau")))
    for _ in range(3):
        desk.send(result=Result.REJECTED)
        desk.review(after=300)
    desk.tell(resolution(key=key("plateau")))
    assert desk.send() == []
    assert desk.box.episodes() == frozenset()


def test_an_end_is_told_where_the_begin_may_have_arrived() -> None:
    box = outbox()
    tell(box, transition())
    while box.pending()["chat"]:
        fail(box, TIMED_OUT, 1)
    tell(box, resolution(), now=NOW + 2 * DAY)
    assert [row.kind for row in box.due("chat", NOW + 2 * DAY)] == [Kind.RESOLVED]


def test_a_begin_without_an_answer_and_its_end_are_one_message() -> None:
    box = outbox()
    tell(box, transition())
    fail(box, TIMED_OUT, 2)
    tell(box, resolution(), now=NOW + 16)
    row, at = next_row(box)
    assert row.kind is Kind.FIRED_AND_RESOLVED
    assert at == NOW + 15, "the backoff of a failing channel goes on"


def test_an_end_does_not_hurry_a_channel_that_fails() -> None:
    box = outbox()
    tell(box, transition())
    row, at = next_row(box)
    box.mark(alone(row), DELIVERED, at)
    tell(box, transition(severity=Severity.CRITICAL))
    fail(box, FAILED, 3)
    tell(box, resolution(), now=NOW + 16)
    row, at = next_row(box)
    assert (row.kind, at) == (Kind.RESOLVED, NOW + 35)


def test_a_rate_limit_holds_back_the_whole_channel() -> None:
    box = outbox(Told("chat"), Told("mail"))
    tell(box, transition(), transition(key=AlertKey("unstable", KEY.subject)))
    box.mark(alone(box.due("chat", NOW)[0]), LIMITED, NOW)
    assert box.due("chat", NOW + 59.9) == []
    assert box.next_due("chat", NOW) == NOW + 60
    assert len(box.due("chat", NOW + 60)) == 1
    assert len(box.due("chat", NOW + 65)) == 2
    assert len(box.due("mail", NOW)) == 2
    assert box.outcomes()["chat", "rate_limited"] == 1


def test_a_rejection_is_given_up_after_three_tries(caplog: pytest.LogCaptureFixture) -> None:
    box = outbox(Told("chat"), Told("mail"))
    tell(box, transition())
    fail(box, REJECTED, 2)
    assert box.pending()["chat"] == 1
    fail(box, REJECTED, 1)
    assert box.pending() == {"chat": 0, "mail": 1}
    assert dead_letters(box) == 1
    assert "it goes to: mail" in caplog.text


def test_other_failures_do_not_shorten_the_patience_with_rejections() -> None:
    box = outbox()
    tell(box, transition())
    fail(box, FAILED, 5)
    fail(box, REJECTED, 2)
    assert box.pending()["chat"] == 1


def test_what_only_a_broken_channel_was_to_tell_goes_to_the_others() -> None:
    box = outbox(Told("chat"), Told("pager", Severity.CRITICAL), Told("boss", Severity.CRITICAL))
    tell(box, transition())
    assert box.pending() == {"chat": 1, "pager": 0, "boss": 0}
    fail(box, REJECTED, 3)
    assert box.pending() == {"chat": 0, "pager": 1, "boss": 1}
    row, at = next_row(box, "pager")
    assert (row.kind, row.attempts, row.rejections) == (Kind.FIRING, 0, 0)
    box.mark(alone(row), DELIVERED, at)
    tell(box, resolution(), now=at)
    assert [each.kind for each in box.due("pager", at)] == [Kind.RESOLVED]


def test_a_handed_over_row_is_stored_before_it_is_sent() -> None:
    box = outbox(Told("chat"), Told("pager", Severity.CRITICAL))
    tell(box, transition())
    fail(box, REJECTED, 2)
    row, at = next_row(box)
    box.mark(alone(row), REJECTED, at)
    assert box.due("pager", at) == []
    box.mark_stored(box.to_document())
    assert len(box.due("pager", at)) == 1


def test_broken_channels_do_not_hand_rows_round_for_ever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    box = outbox(Told("chat"), Told("pager", Severity.CRITICAL))
    tell(box, transition())
    fail(box, REJECTED, 3)
    fail(box, REJECTED, 3, "pager")
    assert box.pending() == {"chat": 0, "pager": 0}
    assert "it goes to: nobody" in caplog.text


def test_a_channel_that_works_again_is_trusted_again(caplog: pytest.LogCaptureFixture) -> None:
    box = outbox(Told("chat"), Told("mail", Severity.CRITICAL))
    tell(box, transition())
    fail(box, REJECTED, 3)
    tell(box, transition(episode=2))
    row, at = next_row(box)
    box.mark(alone(row), DELIVERED, at)
    caplog.clear()
    fail(box, REJECTED, 3, "mail")
    assert "it goes to: chat" in caplog.text


def test_an_escalation_that_was_refused_is_news_to_who_takes_over() -> None:
    box = outbox(Told("chat"), Told("pager", Severity.CRITICAL))
    tell(box, transition(severity=Severity.INFO))
    row, at = next_row(box)
    box.mark(alone(row), DELIVERED, at)
    tell(box, transition())
    fail(box, REJECTED, 3)
    assert [each.kind for each in box.due("pager", NOW + 100)] == [Kind.FIRING]


def test_the_end_of_what_others_were_not_told_goes_nowhere() -> None:
    box = outbox(Told("chat"), Told("pager", Severity.CRITICAL))
    tell(box, transition())
    row, at = next_row(box)
    box.mark(alone(row), DELIVERED, at)
    tell(box, resolution())
    fail(box, REJECTED, 3)
    assert box.pending() == {"chat": 0, "pager": 0}
