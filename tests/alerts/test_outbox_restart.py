"""The outbox across restarts: nothing is lost, and only a crash in between repeats."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.model import AlertKey, Severity, Subject
from alerts.notify import Delivery, Kind, Notice, Result
from alerts.outbox import Outbox, Row, Standing
from alerts.outbox.row import from_document, to_document
from alerts.outbox.sender import Sender
from alerts.store import FileStore, MemoryStore, StateStore
from tests.support.deliveries import AT_ONCE, alone
from tests.support.notices import KEY, NOW, Told, resolution, run_context, transition

DELIVERED = Delivery(Result.DELIVERED)
FAILED = Delivery(Result.FAILED, "HTTP 500", uncertain=True)


def outbox(*channels: Told) -> Outbox:
    return Outbox(channels or (Told("chat"),), jitter=lambda: 1.0, pace=AT_ONCE)


def save(box: Outbox, store: StateStore) -> None:
    document = box.to_document()
    store.save({"outbox": document})
    box.mark_stored(document)


def restarted(store: StateStore, *channels: Told) -> Outbox:
    box = outbox(*channels)
    document = store.load()
    assert document is not None
    box.restore(document["outbox"], NOW)
    return box


def sender(box: Outbox, channel: Told) -> Sender:
    return Sender(channel, box, lambda row: Notice(row.kind, transition(), run_context()))


def test_a_crash_between_store_and_send_loses_nothing() -> None:
    store = MemoryStore()
    box = outbox()
    box.enqueue(transition(), NOW)
    save(box, store)
    assert [row.kind for row in restarted(store).due("chat", NOW)] == [Kind.FIRING]


def test_a_crash_between_send_and_mark_sends_again(tmp_path: Path) -> None:
    chat = Told("chat")
    first = FileStore(tmp_path / "state.json")
    box = outbox(chat)
    box.enqueue(transition(), NOW)
    save(box, first)
    sender(box, chat).tick(NOW)
    first.close()  # and dies, before the delivery was stored

    second = FileStore(tmp_path / "state.json")
    box = restarted(second, chat)
    sender(box, chat).tick(NOW)
    assert len(chat.messages) == 2, "at least once"
    assert chat.messages[0] == chat.messages[1], "with the same identity line"
    save(box, second)
    assert restarted(second, chat).due("chat", NOW) == []


def test_a_restart_neither_repeats_nor_loses() -> None:
    store = MemoryStore()
    box = outbox()
    box.enqueue(transition(), NOW)
    save(box, store)
    box.mark(alone(box.due("chat", NOW)[0]), DELIVERED, NOW)
    save(box, store)

    box = restarted(store)
    assert box.due("chat", NOW) == []
    assert not box.changed
    box.enqueue(transition(), NOW)
    assert not box.changed, "the engine may say again what it said before"
    box.enqueue(resolution(), NOW)
    save(box, store)
    assert [row.kind for row in restarted(store).due("chat", NOW)] == [Kind.RESOLVED]


def test_the_patience_with_a_channel_survives() -> None:
    store = MemoryStore()
    box = outbox()
    box.enqueue(transition(), NOW)
    save(box, store)
    box.mark(alone(box.due("chat", NOW)[0]), FAILED, NOW)
    save(box, store)
    box = restarted(store)
    assert box.next_due("chat", NOW) == NOW + 5
    assert box.due("chat", NOW + 5)[0].attempts == 1


def test_unsent_news_of_a_channel_that_is_gone_goes_to_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = MemoryStore()
    box = outbox(Told("chat"))
    box.enqueue(transition(), NOW)
    save(box, store)
    box = restarted(store, Told("mail"), Told("pager", Severity.CRITICAL))
    assert box.pending() == {"mail": 1, "pager": 0}
    assert box.due("mail", NOW) == [], "not before it is stored under its new name"
    assert "channel chat is gone" in caplog.text
    assert "goes to: mail" in caplog.text


def test_who_was_told_already_takes_nothing_over() -> None:
    store = MemoryStore()
    box = outbox(Told("chat"), Told("mail"))
    box.enqueue(transition(), NOW)
    save(box, store)
    box.mark(alone(box.due("mail", NOW)[0]), DELIVERED, NOW)
    save(box, store)
    box = restarted(store, Told("mail"))
    save(box, store)
    assert box.due("mail", NOW) == []
    box.enqueue(resolution(), NOW)
    save(box, store)
    assert [row.kind for row in box.due("mail", NOW)] == [Kind.RESOLVED]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"revision": 1},
        {"revision": "x", "rows": []},
        {"revision": 1, "rows": [{}]},
        {"revision": 1, "rows": [{"subject": ["run", "a"]}]},
        {"revision": 1, "rows": 7},
    ],
)
def test_what_is_no_outbox_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not an outbox document"):
        outbox().restore(document, NOW)


names = st.text(max_size=30)
times = st.floats(0, 1e10)
keys = st.builds(
    AlertKey, names, st.builds(Subject, st.sampled_from(["run", "gpu", "source"]), names, names)
)
rows = st.builds(
    Row,
    key=keys,
    episode=st.integers(1, 10**6),
    kind=st.sampled_from(Kind),
    severity=st.sampled_from(Severity),
    channel=names,
    created=times,
    next_try=times,
    attempts=st.integers(0, 1000),
    rejections=st.integers(0, 2),
    pending=st.booleans(),
    told=st.booleans(),
    revision=st.integers(0, 10**9),
    experiment=names,
    withheld=st.booleans(),
    repeats=st.integers(0, 100),
    told_at=times,
    value=st.none() | times,
)


@given(rows)
def test_a_row_survives_json(row: Row) -> None:
    assert from_document(json.loads(json.dumps(to_document(row)))) == row


ACTIONS = [
    "fire",
    "critical",
    "resolve",
    "event",
    "withhold",
    "later",
    "fold",
    "ok",
    "fail",
    "store",
]
actions = st.lists(
    st.tuples(
        st.sampled_from(ACTIONS),
        st.integers(0, 2),
    ),
    max_size=30,
)


@given(actions, st.integers(0, 30))
def test_a_restart_anywhere_after_a_store_changes_nothing(
    steps: list[tuple[str, int]], cut: int
) -> None:
    """One outbox lives on, one is stored and restored in between: they end up the same."""
    lives_on, restarts = outbox(), outbox()
    store = MemoryStore()
    for index, (action, rule) in enumerate(steps):
        if index == cut:
            save(lives_on, MemoryStore())
            save(restarts, store)
            restarts = restarted(store)
        for box in (lives_on, restarts):
            _act(box, action, rule, NOW + 400.0 * index)
    assert lives_on.to_document() == restarts.to_document()


def _act(box: Outbox, action: str, rule: int, now: float) -> None:
    key = AlertKey(f"rule_{rule}", KEY.subject)
    due = box.due("chat", now)
    if action == "fire":
        box.enqueue(transition(key=key), now)
    elif action == "critical":
        box.enqueue(transition(key=key, severity=Severity.CRITICAL), now)
    elif action == "resolve":
        box.enqueue(resolution(key=key), now)
    elif action == "withhold":
        box.review(lambda about: Standing(firing=True, withheld=about == key), now)
    elif action == "later":
        box.review(lambda _: Standing(firing=True, value=float(rule)), now + 86_400.0)
    elif action == "fold":
        box.fold(300 * rule, now)
    elif action == "event":
        box.enqueue(transition(key=key, event=True, episode=9), now)
    elif action == "store":
        save(box, MemoryStore())
    elif due:
        box.mark(alone(due[0]), DELIVERED if action == "ok" else FAILED, now)


def test_engine_and_senders_may_use_it_at_once() -> None:
    """Every alert is told exactly once however the threads interleave."""
    channels = [Told("chat"), Told("mail")]
    box, store = outbox(*channels), MemoryStore()
    count = 200
    done = threading.Event()

    def send(channel: Told) -> None:
        worker = sender(box, channel)
        while not (done.is_set() and box.next_due(channel.name, NOW) is None):
            worker.tick(NOW)

    threads = [threading.Thread(target=send, args=(channel,)) for channel in channels]
    for thread in threads:
        thread.start()
    for number in range(count):
        box.enqueue(transition(key=AlertKey("plateau", Subject("run", f"{number}"))), NOW)
        save(box, store)
    done.set()
    for thread in threads:
        thread.join(30)
    assert [len(channel.messages) for channel in channels] == [count, count]
    assert box.pending() == {"chat": 0, "mail": 0}
