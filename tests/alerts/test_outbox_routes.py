"""Who is told of what: severities, globs, and destinations that come and go."""

from __future__ import annotations

import pytest

from alerts.model import AlertKey, Severity
from alerts.notify import Delivery, Match, Result
from alerts.outbox import Pace
from tests.support.deliveries import Desk, fired, gpu, key, news
from tests.support.notices import Told, resolution

AT_ONCE = Pace(group_wait=0)
DELIVERED = Delivery(Result.DELIVERED)
TEAM = Match(experiments=("prod-*", "nightly"))
LOSSES = Match(rules=("loss_*", "nonfinite"))


def told(match: Match, about: AlertKey, experiment: str = "") -> bool:
    desk = Desk((Told("chat", match=match),), pace=AT_ONCE)
    desk.box.enqueue(fired(about), desk.now, experiment=experiment)
    desk.store()
    return bool(desk.send())


@pytest.mark.parametrize(
    ("match", "rule", "experiment", "wanted"),
    [
        (Match(), "plateau", "support-bot", True),
        (Match(), "plateau", "", True),
        (TEAM, "plateau", "prod-7b", True),
        (TEAM, "plateau", "nightly", True),
        (TEAM, "plateau", "nightly-2", False),
        (TEAM, "plateau", "PROD-7b", False),
        (LOSSES, "loss_increase", "x", True),
        (LOSSES, "eval_loss_gap", "x", False),
        (Match(("prod-*",), ("nonfinite",)), "nonfinite", "prod-7b", True),
        (Match(("prod-*",), ("nonfinite",)), "nonfinite", "test", False),
        (Match(("prod-*",), ("nonfinite",)), "plateau", "prod-7b", False),
        (Match(experiments=()), "plateau", "x", False),
        (Match(experiments=("[ab]-?",)), "plateau", "a-1", True),
    ],
)
def test_a_channel_gets_what_fits_its_globs(
    match: Match, rule: str, experiment: str, *, wanted: bool
) -> None:
    assert told(match, key(rule), experiment) is wanted


def test_a_gpu_is_in_no_experiment() -> None:
    assert told(Match(), gpu("GPU-1", "n1"))
    assert told(Match(rules=("gpu_*",)), gpu("GPU-1", "n1"))
    assert not told(TEAM, gpu("GPU-1", "n1"))


def test_who_stands_in_wanted_such_news_himself() -> None:
    """The channel that refuses for good hands over to whom the globs of the others name."""
    mine, losses = Told("mine", match=TEAM), Told("losses", match=LOSSES)
    desk = Desk((mine, losses, Told("pager", Severity.CRITICAL)), pace=AT_ONCE)
    desk.box.enqueue(fired(key("plateau")), desk.now, experiment="prod-7b")
    desk.store()
    assert desk.box.pending() == {"mine": 1, "losses": 0, "pager": 0}
    for _ in range(3):
        desk.send("mine", Result.REJECTED)
        desk.now += 300
    assert desk.box.pending() == {"mine": 0, "losses": 1, "pager": 1}, "nobody else wanted it"


def test_a_channel_that_is_added_hears_what_fires_from_then_on() -> None:
    desk = Desk(pace=AT_ONCE)
    desk.tell(fired(key("plateau")))
    desk.box.configure([Told("chat"), Told("mail")], AT_ONCE, desk.now)
    desk.tell(fired(key("unstable")))
    assert news(desk.send("mail")) == [[("firing", "unstable")]]
    assert news(desk.send("chat")) == [[("firing", "plateau"), ("firing", "unstable")]]
    assert desk.box.outcomes()["mail", "delivered"] == 1


def test_what_a_channel_that_is_removed_did_not_tell_the_others_tell(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk((Told("chat"), Told("mail", match=LOSSES)), pace=AT_ONCE)
    desk.tell(fired(key("plateau")), fired(key("unstable", "told")))
    first = desk.box.bundle("chat", desk.now)
    assert first is not None
    desk.box.mark(first, DELIVERED, desk.now)
    desk.box.configure([Told("mail", match=LOSSES)], AT_ONCE, desk.now)
    assert desk.send("mail") == [], "not before it is stored under its new name"
    desk.store()
    assert news(desk.send("mail")) == [[("firing", "unstable")]]
    assert "channel chat is gone: firing of unstable for run 'told' #1 goes to: mail" in caplog.text
    desk.tell(resolution(key=key("plateau")))
    assert desk.send("mail") == [], "the end of what it did not tell"


def test_what_is_under_way_through_a_channel_that_goes_does_no_harm() -> None:
    desk = Desk((Told("chat"), Told("mail")), pace=AT_ONCE)
    desk.tell(fired(key("plateau")))
    under_way = desk.box.bundle("chat", desk.now)
    assert under_way is not None
    desk.box.configure([Told("mail")], AT_ONCE, desk.now)
    desk.box.mark(under_way, DELIVERED, desk.now)
    desk.store()
    assert news(desk.send("mail")) == [[("firing", "plateau")]]


def test_a_channel_that_was_broken_may_be_trusted_when_it_is_new(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk((Told("chat"), Told("mail", Severity.CRITICAL)), pace=AT_ONCE)
    desk.tell(fired(key("plateau")))
    for _ in range(3):
        desk.send("chat", Result.REJECTED)
        desk.now += 300
    desk.send("mail")
    desk.box.configure([Told("mail", Severity.CRITICAL)], AT_ONCE, desk.now)
    desk.box.configure([Told("chat"), Told("mail", Severity.CRITICAL)], AT_ONCE, desk.now)
    desk.tell(fired(key("nonfinite"), Severity.CRITICAL))
    for _ in range(3):
        desk.send("mail", Result.REJECTED)
        desk.now += 300
    assert "channel mail: firing of nonfinite for run 'run-1' #1: given up, it goes to: chat" in (
        caplog.text
    )


def test_with_nobody_to_tell_nothing_is_kept() -> None:
    desk = Desk(())
    desk.tell(fired(key("plateau")))
    assert not desk.box.episodes()
    assert desk.box.pending() == {}


def test_another_pace_holds_from_now_on() -> None:
    desk = Desk()
    desk.box.configure(desk.channels, Pace(group_wait=0, hourly=1), desk.now)
    desk.tell(fired(key("plateau")), fired(key("plateau", "other")))
    (digest,) = desk.send()
    assert digest.is_digest
