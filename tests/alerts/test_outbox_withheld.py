"""Mutes and inhibition are applied when people would be told, and undone when they end."""

from __future__ import annotations

import pytest

from alerts.model import RunFacts, Severity
from alerts.notify import Kind, Result
from alerts.notify.mute import is_muted
from alerts.outbox import Pace
from tests.support.deliveries import Desk, fired, key, news
from tests.support.engine import run_facts
from tests.support.notices import Told, resolution

ABOUT = key("loss_increase")
DAY = 86_400.0


@pytest.fixture
def desk() -> Desk:
    return Desk(pace=Pace(group_wait=0))


@pytest.mark.parametrize("why", ["muted", "inhibited"])
def test_what_is_withheld_is_told_when_that_ends(desk: Desk, why: str) -> None:
    inhibited_by = "nonfinite" if why == "inhibited" else None
    desk.tell(fired(ABOUT, inhibited_by=inhibited_by), muted=why == "muted")
    desk.review(after=3 * DAY)
    assert desk.send() == []
    assert desk.box.pending() == {"chat": 0}, "nobody waits for it"
    desk.stands(ABOUT, withheld=False)
    assert news(desk.send()) == [[("firing", "loss_increase")]]


def test_who_was_released_is_tried_for_a_whole_day(desk: Desk) -> None:
    desk.tell(fired(ABOUT), muted=True)
    desk.review(after=3 * DAY)
    desk.stands(ABOUT, withheld=False)
    desk.send(result=Result.FAILED)
    desk.review(after=60)
    assert len(desk.send()) == 1, "its patience began with the release"


def test_what_waits_may_be_withheld_before_it_goes(desk: Desk) -> None:
    desk = Desk()
    desk.tell(fired(ABOUT))
    desk.now += 10
    desk.stands(ABOUT, withheld=True)
    desk.now += 10
    assert desk.send() == []
    desk.stands(ABOUT, withheld=False)
    desk.now += 15
    assert news(desk.send()) == [[("firing", "loss_increase")]]


def test_what_ends_while_it_is_withheld_was_never_told(desk: Desk) -> None:
    desk.tell(fired(ABOUT), muted=True)
    desk.tell(resolution(key=ABOUT))
    desk.stands(ABOUT, withheld=False)
    assert desk.send() == []
    assert desk.box.episodes() == frozenset()


def test_what_may_have_arrived_is_closed_all_the_same(desk: Desk) -> None:
    desk.tell(fired(ABOUT))
    desk.send(result=Result.FAILED, uncertain=True)
    desk.stands(ABOUT, withheld=True)
    desk.tell(resolution(key=ABOUT))
    desk.now += 600
    assert news(desk.send()) == [[("fired_and_resolved", "loss_increase")]]


def test_the_end_of_what_was_told_is_told_through_a_mute(desk: Desk) -> None:
    desk.tell(fired(ABOUT))
    desk.send()
    desk.stands(ABOUT, withheld=True)
    desk.tell(resolution(key=ABOUT))
    assert news(desk.send()) == [[("resolved", "loss_increase")]]


def test_an_escalation_is_withheld_too(desk: Desk) -> None:
    desk.tell(fired(ABOUT))
    desk.send()
    desk.stands(ABOUT, withheld=True)
    desk.tell(fired(ABOUT, Severity.CRITICAL), muted=True)
    assert desk.send() == []
    desk.stands(ABOUT, withheld=False)
    assert news(desk.send()) == [[("escalated", "loss_increase")]]


def test_repeats_are_withheld_and_made_up_for_once(desk: Desk) -> None:
    desk.tell(fired(ABOUT))
    desk.send()
    desk.stands(ABOUT, withheld=True)
    desk.review(after=3 * DAY)
    assert desk.send() == []
    desk.stands(ABOUT, withheld=False)
    desk.review()
    assert news(desk.send()) == [[("repeated", "loss_increase")]]


@pytest.mark.parametrize("why", ["muted", "inhibited"])
def test_an_event_that_is_withheld_is_told_to_nobody(desk: Desk, why: str) -> None:
    inhibited_by = "run_failed" if why == "inhibited" else None
    event = fired(key("run_incomplete"), event=True, inhibited_by=inhibited_by)
    desk.box.enqueue(event, desk.now, muted=why == "muted")
    desk.review()
    assert desk.send() == []
    assert not desk.box.episodes()


def test_an_event_that_waits_is_forgotten_when_its_run_is_muted() -> None:
    desk = Desk()
    desk.tell(fired(key("run_incomplete"), event=True))
    desk.stands(key("run_incomplete"), withheld=True)
    assert not desk.box.episodes(), "nothing keeps the run in memory"


def test_what_is_withheld_survives_a_restart(desk: Desk) -> None:
    desk.tell(fired(ABOUT), muted=True)
    again = Desk(pace=desk.pace)
    again.box.restore(desk.box.to_document(), desk.now)
    assert again.box.bundle("chat", again.now) is None, "before anything was reviewed"
    again.standings = desk.standings
    again.stands(ABOUT, withheld=False)
    assert len(again.send()) == 1


def test_who_takes_over_from_a_channel_that_is_gone_withholds_as_well(desk: Desk) -> None:
    desk.tell(fired(ABOUT), muted=True)
    desk.box.configure([Told("mail")], desk.pace, desk.now)
    desk.review()
    assert desk.send("mail") == []
    desk.stands(ABOUT, withheld=False)
    assert [bundle.rows[0].kind for bundle in desk.send("mail")] == [Kind.FIRING]


@pytest.mark.parametrize(
    ("tag", "muted"),
    [
        (None, set()),
        ("", set()),
        ("all", {"plateau", "nonfinite"}),
        ("nonfinite", {"nonfinite"}),
        (" plateau , nonfinite ", {"plateau", "nonfinite"}),
        ("Plateau,,", {"plateau"}),
        ("plateaus", set()),
        ("*", set()),
    ],
)
def test_what_the_tag_mutes(tag: str | None, muted: set[str]) -> None:
    facts: RunFacts = run_facts(tags={} if tag is None else {"tunewatch.mute": tag})
    assert {rule for rule in ("plateau", "nonfinite") if is_muted(rule, facts)} == muted
    assert not is_muted("gpu_memory_high", None)
