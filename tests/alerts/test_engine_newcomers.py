"""A channel that is new, or that works again, is told what fires already."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.model import Severity
from alerts.notify import Delivery, Match, Message, Result
from alerts.outbox import Outbox
from alerts.outbox.sender import Sender
from tests.support.deliveries import AT_ONCE
from tests.support.engine import NAN, Station, losses, memory, news, run_facts, said
from tests.support.notices import NOW, Told, transition

RISING = losses(0.9, 1.0, 1.1, 1.2, metric="eval_loss")
FIRING = [
    "firing: gpu_memory_high · GPU 0 on node-1 · #1",
    "firing: nonfinite · name of run-1 · #1",
]


@pytest.fixture
def station(tmp_path: Path) -> Station:
    station = Station(tmp_path / "state.json")
    station.tick(news(losses(NAN)), gpus=(memory(99, NOW),))
    station.wait(150, gpus=(memory(99, NOW),))
    assert sorted(said(station.deliver())) == FIRING
    return station


def deliver(station: Station, channel: Told) -> list[str]:
    """Send what is due through a channel; return what it was given."""
    before: list[Message] = list(channel.messages)
    sender = Sender(channel, station.outbox, station.engine.notice_for)
    while sender.tick(station.now) == 0.0:
        pass
    return sorted(said(channel.messages[len(before) :]))


def test_a_new_channel_hears_what_fires_and_how_it_ends(station: Station) -> None:
    mail = Told("mail")
    station.outbox.configure([station.chat, mail], AT_ONCE, station.now)
    station.tick()
    assert deliver(station, mail) == FIRING
    assert station.deliver() == [], "who was there before is not told again"
    station.tick(after=30)
    assert deliver(station, mail) == []
    station.tick(news(facts=run_facts(status="FINISHED", ended_at=station.now)))
    (end,) = deliver(station, mail)
    assert end == "resolved: nonfinite · name of run-1 · #1"


def test_it_hears_only_what_it_wants(station: Station) -> None:
    pager = Told("pager", Severity.CRITICAL)
    loud = Told("loud", match=Match(experiments=("other",)))
    station.outbox.configure([station.chat, pager, loud], AT_ONCE, station.now)
    station.tick()
    assert deliver(station, pager) == FIRING[1:]
    assert deliver(station, loud) == []


def test_what_is_muted_or_inhibited_stays_so(station: Station) -> None:
    station.tick(
        news(RISING, run_facts(tags={"tunewatch.mute": "nonfinite"})),
    )
    mail = Told("mail")
    station.outbox.configure([station.chat, mail], AT_ONCE, station.now)
    station.tick()
    assert [line for line in deliver(station, mail) if "run-1" in line] == [
        "firing: early_stop · name of run-1 · #1"
    ], "eval_loss_rising is inhibited by nonfinite, which is muted"


def test_a_channel_that_comes_with_a_restart_is_as_new(station: Station) -> None:
    station.tick()
    mail = Told("mail")
    station.store.close()
    old, station.chat = station.chat, mail
    station._start()
    station.tick(gpus=(memory(99, station.now),))
    assert sorted(said(station.deliver())) == FIRING
    station.tick()
    station.restart()
    station.tick()
    assert station.deliver() == [], "it is known now"
    assert len(old.messages) == 2


def test_a_restart_before_they_are_welcome_forgets_nobody(station: Station) -> None:
    station.tick()
    mail = Told("mail")
    station.store.close()
    station.chat = mail
    station._start()
    station.engine.flush(station.now)
    station.restart()
    station.tick(gpus=(memory(99, station.now),))
    assert sorted(said(station.deliver())) == FIRING


def test_a_newcomer_that_has_left_meanwhile_is_told_nothing() -> None:
    box = Outbox([Told("chat")])
    box.enqueue(transition(), NOW, only={"mail"})
    assert box.pending() == {"chat": 0}


def test_a_state_that_names_no_channels_knows_them_all() -> None:
    box = Outbox([Told("chat")])
    box.restore({"rows": [], "revision": 0}, NOW)
    assert box.newcomers() == frozenset()


def test_another_address_of_a_channel_that_refused_is_tried_at_once(tmp_path: Path) -> None:
    station = Station(tmp_path / "state.json")
    station.chat.answers = [Delivery(Result.REJECTED, "HTTP 410")]
    station.tick(news(losses(NAN)))
    for _ in range(10):
        station.deliver()
        station.tick(after=20)
    assert len(station.chat.messages) == 3
    mended = Told("chat")
    station.outbox.configure([mended], AT_ONCE, station.now)
    station.tick()
    assert deliver(station, mended) == FIRING[1:]


def test_a_restart_tries_what_was_given_up(tmp_path: Path) -> None:
    station = Station(tmp_path / "state.json")
    station.chat.answers = [Delivery(Result.REJECTED, "HTTP 410")]
    station.tick(news(losses(NAN)))
    for _ in range(10):
        station.deliver()
        station.tick(after=20)
    station.chat = Told("chat")
    station.restart()
    station.tick()
    assert said(station.deliver()) == FIRING[1:]
