"""What the outbox tells whom, and in which order: store, send, mark."""

from __future__ import annotations

import pytest

from alerts.model import AlertKey, Severity, Subject, Transition
from alerts.notify import Delivery, Kind, Result
from alerts.outbox import Outbox, Row
from tests.support.deliveries import AT_ONCE, alone
from tests.support.notices import KEY, NOW, Told, resolution, transition

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
DELIVERED = Delivery(Result.DELIVERED)
FAILED = Delivery(Result.FAILED, "HTTP 500")
TIMED_OUT = Delivery(Result.FAILED, "timed out", uncertain=True)


def outbox(*channels: Told) -> Outbox:
    """Return an empty outbox that always waits for the longest of its backoff."""
    return Outbox(channels or (Told("chat"),), jitter=lambda: 1.0, pace=AT_ONCE)


def store(box: Outbox) -> None:
    box.mark_stored(box.to_document())


def tell(box: Outbox, *transitions: Transition, now: float = NOW) -> None:
    """Enqueue and store."""
    for each in transitions:
        box.enqueue(each, now)
    store(box)


def due(box: Outbox, channel: str = "chat", now: float = NOW) -> list[Row]:
    return list(box.due(channel, now))


def kinds(box: Outbox, channel: str = "chat", now: float = NOW) -> list[Kind]:
    return [row.kind for row in due(box, channel, now)]


def deliver(box: Outbox, channel: str = "chat", now: float = NOW) -> Row:
    """Deliver the one row that is due."""
    (row,) = due(box, channel, now)
    box.mark(alone(row), DELIVERED, now)
    return row


def test_a_row_is_sent_only_after_it_was_stored() -> None:
    box = outbox()
    box.enqueue(transition(), NOW)
    assert box.changed
    assert due(box) == []
    assert box.next_due("chat", NOW) is None

    document = box.to_document()
    box.enqueue(transition(key=AlertKey("nonfinite", KEY.subject)), NOW)
    box.mark_stored(document)
    assert [row.key for row in due(box)] == [KEY], "only what that document holds"
    assert box.changed

    store(box)
    assert len(due(box)) == 2
    assert not box.changed


def test_a_delivered_row_is_not_due_again() -> None:
    box = outbox()
    tell(box, transition())
    assert deliver(box).kind is Kind.FIRING
    assert box.changed, "a restart must know that it was sent"
    assert due(box) == []
    assert box.pending() == {"chat": 0}
    assert box.outcomes()["chat", "delivered"] == 1


def test_each_destination_has_a_row_of_its_own() -> None:
    box = outbox(Told("chat"), Told("mail"))
    tell(box, transition())
    deliver(box, "chat")
    assert kinds(box, "mail") == [Kind.FIRING]
    assert box.pending() == {"chat": 0, "mail": 1}


def test_a_channel_gets_nothing_below_its_severity() -> None:
    box = outbox(Told("pager", CRITICAL), Told("chat", INFO))
    tell(box, transition())
    assert kinds(box, "pager") == []
    assert kinds(box, "chat") == [Kind.FIRING]
    tell(box, transition(severity=CRITICAL), resolution(severity=CRITICAL))
    assert kinds(box, "pager") == [Kind.FIRED_AND_RESOLVED]


def test_an_inhibited_firing_is_told_to_nobody() -> None:
    box = outbox()
    tell(box, transition(inhibited_by="nonfinite"), resolution())
    assert due(box) == []
    assert not box.changed


def test_what_was_told_is_closed_even_when_inhibited_meanwhile() -> None:
    box = outbox()
    tell(box, transition())
    deliver(box)
    tell(box, resolution(inhibited_by="nonfinite"))
    assert kinds(box) == [Kind.RESOLVED]


def test_a_firing_is_told_once() -> None:
    box = outbox()
    tell(box, transition(severity=INFO), transition(severity=INFO))
    deliver(box)
    tell(box, transition(severity=INFO))
    assert due(box) == []


def test_each_episode_is_told() -> None:
    box = outbox()
    tell(box, transition())
    deliver(box)
    tell(box, resolution())
    deliver(box)
    tell(box, transition(episode=2))
    assert deliver(box).episode == 2


def test_a_higher_severity_is_told_at_once_and_a_lower_one_never() -> None:
    box = outbox()
    tell(box, transition())
    deliver(box)
    tell(box, transition(severity=CRITICAL))
    escalated = deliver(box)
    assert (escalated.kind, escalated.severity) == (Kind.ESCALATED, CRITICAL)
    tell(box, transition(severity=WARNING))
    assert due(box) == []
    tell(box, resolution())
    assert kinds(box) == [Kind.RESOLVED]


def test_an_escalation_before_the_first_message_is_one_message() -> None:
    box = outbox()
    tell(box, transition(), transition(severity=CRITICAL))
    (row,) = due(box)
    assert (row.kind, row.severity) == (Kind.FIRING, CRITICAL)


def test_an_event_is_told_once_without_an_end() -> None:
    box = outbox()
    tell(box, transition(event=True), transition(event=True))
    assert deliver(box).kind is Kind.EVENT
    assert box.episodes() == frozenset()


def test_an_end_is_told_only_where_the_begin_was() -> None:
    box = outbox()
    tell(box, resolution())
    assert due(box) == []


def test_fired_and_resolved_before_anything_was_sent_is_one_message() -> None:
    box = outbox()
    tell(box, transition(), resolution())
    assert deliver(box).kind is Kind.FIRED_AND_RESOLVED
    assert due(box) == []
    assert box.episodes() == frozenset()


def test_an_end_while_the_begin_is_being_sent_and_arrives() -> None:
    box = outbox()
    tell(box, transition())
    (in_flight,) = due(box)
    tell(box, resolution())
    box.mark(alone(in_flight), DELIVERED, NOW)
    store(box)
    assert kinds(box) == [Kind.RESOLVED]


def test_an_end_while_the_begin_is_being_sent_and_fails() -> None:
    box = outbox()
    tell(box, transition())
    (in_flight,) = due(box)
    tell(box, resolution())
    box.mark(alone(in_flight), FAILED, NOW)
    assert kinds(box, now=NOW + 5) == [Kind.FIRED_AND_RESOLVED]


def test_an_escalation_while_the_begin_is_being_sent() -> None:
    box = outbox()
    tell(box, transition())
    (in_flight,) = due(box)
    tell(box, transition(severity=CRITICAL))
    box.mark(alone(in_flight), DELIVERED, NOW)
    store(box)
    assert kinds(box) == [Kind.ESCALATED]


def test_the_most_urgent_and_oldest_comes_first() -> None:
    box = outbox()
    rules = {"plateau": INFO, "unstable": WARNING, "eval_loss_gap": WARNING, "nonfinite": CRITICAL}
    for delay, (rule, severity) in enumerate(rules.items()):
        key = AlertKey(rule, KEY.subject)
        tell(box, transition(key=key, severity=severity), now=NOW + delay)
    order = [row.key.rule for row in due(box, now=NOW + 9)]
    assert order == ["nonfinite", "unstable", "eval_loss_gap", "plateau"]


def test_the_episodes_that_must_not_be_forgotten() -> None:
    box = outbox()
    tell(box, transition())
    assert {(each.key, each.number) for each in box.episodes()} == {(KEY, 1)}
    deliver(box)
    assert box.episodes(), "its end is still to be told"
    tell(box, resolution())
    deliver(box)
    assert not box.episodes()


def test_a_row_whose_alert_is_gone_is_dropped_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    box = outbox()
    tell(box, transition())
    (row,) = due(box)
    box.drop(row)
    assert due(box) == []
    assert box.outcomes()["chat", "dropped"] == 1
    assert "eval_loss_rising" in caplog.text


def test_all_outcomes_are_counted_from_zero() -> None:
    assert set(outbox(Told("a"), Told("b")).outcomes()) == {
        (channel, outcome)
        for channel in ("a", "b")
        for outcome in (
            "delivered",
            "failed",
            "rate_limited",
            "rejected",
            "dead_letter",
            "dropped",
            "folded",
        )
    }


def test_names_that_a_run_controls_do_not_break_log_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    box = outbox()
    tell(box, transition(key=AlertKey("nonfinite", Subject("run", "a\nb\x1b[31m"))))
    (row,) = due(box)
    box.mark(alone(row), TIMED_OUT, NOW)
    assert "\\n" in caplog.messages[0]
    assert "\n" not in caplog.messages[0]
