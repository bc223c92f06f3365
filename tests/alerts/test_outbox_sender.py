"""The worker between the outbox and a channel."""

from __future__ import annotations

import pytest

from alerts.model import AlertKey, Severity, Subject
from alerts.notify import Delivery, Message, Notice, Result
from alerts.outbox import Outbox, Pace, Row
from alerts.outbox.sender import IDLE, Sender
from tests.support.deliveries import AT_ONCE
from tests.support.notices import NOW, Told, run_context, transition

FAILED = Delivery(Result.FAILED, "HTTP 500")


def told_by(row: Row) -> Notice:
    return Notice(row.kind, transition(key=row.key, severity=row.severity), run_context())


def filled(channel: Told, *rules: str) -> Outbox:
    """Return an outbox with one alert of each rule, each about a run of its own."""
    box = Outbox([channel], jitter=lambda: 1.0, pace=AT_ONCE)
    for rule in rules:
        box.enqueue(transition(key=AlertKey(rule, Subject("run", rule))), NOW)
    box.mark_stored(box.to_document())
    return box


def test_an_idle_sender_looks_again_soon() -> None:
    chat = Told()
    assert Sender(chat, filled(chat), told_by).tick(NOW) == IDLE
    assert chat.messages == []


def test_one_message_per_tick_so_that_the_time_is_fresh() -> None:
    chat = Told()
    worker = Sender(chat, filled(chat, "plateau", "unstable"), told_by)
    assert worker.tick(NOW) == 0.0
    assert len(chat.messages) == 1
    assert worker.tick(NOW) == 0.0
    assert [message.title for message in chat.messages] == [
        "WARNING: plateau, overfit-3",
        "WARNING: unstable, overfit-3",
    ]
    assert worker.tick(NOW) == IDLE


def test_the_wait_ends_with_the_next_try() -> None:
    chat = Told(answers=[FAILED])
    worker = Sender(chat, filled(chat, "plateau"), told_by)
    worker.tick(NOW)
    assert worker.tick(NOW + 4.5) == pytest.approx(0.5)
    assert len(chat.messages) == 1
    worker.tick(NOW + 5)
    assert len(chat.messages) == 2


def test_the_text_has_the_values_of_sending() -> None:
    chat = Told()
    box = filled(chat, "plateau")
    latest = transition(value=7.5, severity=Severity.CRITICAL)
    Sender(chat, box, lambda row: Notice(row.kind, latest)).tick(NOW)
    assert "Value 7.5" in chat.messages[0].text


def test_a_row_whose_alert_is_gone_is_not_sent() -> None:
    chat = Told()
    box = filled(chat, "plateau")
    worker = Sender(chat, box, lambda _row: None)
    assert worker.tick(NOW) == 0.0
    assert chat.messages == []
    assert box.outcomes()["chat", "dropped"] == 1
    assert worker.tick(NOW) == IDLE


class Defective(Told):
    def send(self, message: Message) -> Delivery:
        raise RuntimeError(f"cannot send {message.title}")


def test_a_row_that_breaks_its_sender_backs_off() -> None:
    channel = Defective()
    box = filled(channel, "plateau", "unstable")
    worker = Sender(channel, box, told_by)
    with pytest.raises(RuntimeError, match="plateau"):
        worker.tick(NOW)
    with pytest.raises(RuntimeError, match="unstable"):
        worker.tick(NOW)
    assert worker.tick(NOW) == IDLE
    assert box.outcomes()["chat", "failed"] == 2


def test_who_may_not_send_leaves_everything_as_it_is() -> None:
    chat = Told()
    box = filled(chat, "plateau")
    before = box.to_document()
    worker = Sender(chat, box, told_by, may_send=lambda: False)
    assert worker.tick(NOW) == IDLE
    assert chat.messages == []
    assert box.to_document() == before


def test_a_channel_that_fails_does_not_touch_another() -> None:
    chat, mail = Told("chat", answers=[FAILED]), Told("mail")
    box = Outbox([chat, mail], jitter=lambda: 1.0, pace=AT_ONCE)
    box.enqueue(transition(), NOW)
    box.mark_stored(box.to_document())
    for channel in (chat, mail):
        Sender(channel, box, told_by).tick(NOW)
    assert box.pending() == {"chat": 1, "mail": 0}


def test_what_goes_together_is_one_message() -> None:
    chat = Told()
    box = Outbox([chat], jitter=lambda: 1.0, pace=AT_ONCE)
    for rule in ("plateau", "unstable"):
        box.enqueue(transition(key=AlertKey(rule, Subject("run", "a"))), NOW)
    box.mark_stored(box.to_document())
    Sender(chat, box, told_by).tick(NOW)
    (message,) = chat.messages
    assert "plateau · overfit-3 · #1" in message.text
    assert "unstable · overfit-3 · #1" in message.text
    assert box.pending() == {"chat": 0}


def test_of_a_group_only_what_is_gone_is_dropped() -> None:
    chat = Told()
    box = Outbox([chat], jitter=lambda: 1.0, pace=AT_ONCE)
    for rule in ("plateau", "unstable"):
        box.enqueue(transition(key=AlertKey(rule, Subject("run", "a"))), NOW)
    box.mark_stored(box.to_document())
    Sender(chat, box, lambda row: None if row.key.rule == "plateau" else told_by(row)).tick(NOW)
    (message,) = chat.messages
    assert "unstable" in message.text
    assert "plateau" not in message.text
    assert (box.outcomes()["chat", "dropped"], box.outcomes()["chat", "delivered"]) == (1, 1)


def test_one_alert_that_cannot_be_written_does_not_silence_its_run() -> None:
    chat = Told()
    box = Outbox([chat], jitter=lambda: 1.0, pace=AT_ONCE)
    for rule in ("plateau", "unstable"):
        box.enqueue(transition(key=AlertKey(rule, Subject("run", "a"))), NOW)
    box.mark_stored(box.to_document())

    def about(row: Row) -> Notice:
        if row.key.rule == "plateau":
            raise RuntimeError("a bug")
        return told_by(row)

    worker = Sender(chat, box, about)
    with pytest.raises(RuntimeError):
        worker.tick(NOW)
    for _ in range(2):
        try:
            worker.tick(NOW + 5)
        except RuntimeError:
            continue
    assert ["unstable" in message.text for message in chat.messages] == [True]
    assert box.pending() == {"chat": 1}


def test_a_channel_that_is_limited_rests_from_its_answer_on() -> None:
    chat = Told(answers=[Delivery(Result.RATE_LIMITED)])
    box = filled(chat, "plateau")
    clock = iter((5.0, 15.0))
    Sender(chat, box, told_by, lambda: next(clock)).tick(NOW)
    assert box.bundle("chat", NOW + 69.9) is None
    assert box.next_due("chat", NOW) == NOW + 10 + 60 + 5


def test_beyond_the_limit_there_is_a_digest() -> None:
    chat = Told()
    box = Outbox([chat], jitter=lambda: 1.0, pace=Pace(group_wait=0, hourly=3))
    for number in range(9):
        box.enqueue(transition(key=AlertKey("plateau", Subject("run", f"{number}"))), NOW)
    box.mark_stored(box.to_document())
    worker = Sender(chat, box, told_by)
    while worker.tick(NOW) == 0.0:
        pass
    assert len(chat.messages) == 3
    assert "7" in chat.messages[-1].title + chat.messages[-1].text
    assert "plateau" in chat.messages[-1].text
