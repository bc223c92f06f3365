"""One message tells all that waits for a run or a node; what is critical waits for nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.model import AlertKey, Severity, Subject
from alerts.notify import Kind, Result
from alerts.outbox import Bundle, Pace
from tests.support.deliveries import Desk, fired, gpu, key, news
from tests.support.notices import Told, resolution

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(("severity", "wait"), [(INFO, 15), (WARNING, 15), (CRITICAL, 0)])
def test_how_long_news_waits_for_company(desk: Desk, severity: Severity, wait: float) -> None:
    desk.tell(fired(key("unstable"), severity))
    assert desk.box.next_due("chat", desk.now) == desk.now + wait
    desk.now += wait - 0.001
    assert desk.box.bundle("chat", desk.now) is None
    desk.now += 0.001
    assert len(desk.send()) == 1


def test_what_fires_within_the_wait_is_one_message(desk: Desk) -> None:
    desk.tell(fired(key("unstable")))
    desk.now += 14
    desk.tell(fired(key("plateau"), INFO))
    desk.now += 1
    assert news(desk.send()) == [[("firing", "unstable"), ("firing", "plateau")]]
    desk.now += 60
    assert desk.send() == []


def test_other_runs_are_other_messages(desk: Desk) -> None:
    desk.tell(fired(key("unstable", "a")), fired(key("unstable", "b")), fired(key("plateau", "a")))
    desk.now += 15
    assert [{row.key.subject.id for row in bundle.rows} for bundle in desk.send()] == [{"a"}, {"b"}]


def test_gpus_and_sources_are_grouped_by_node(desk: Desk) -> None:
    source = AlertKey("source_down", Subject("source", "nvml", "n1"))
    desk.tell(*(fired(each) for each in (gpu("0", "n1"), gpu("1", "n1"), gpu("2", "n2"), source)))
    desk.now += 15
    assert [len(bundle.rows) for bundle in desk.send()] == [3, 1]


def test_critical_news_takes_along_what_waits_for_its_run(desk: Desk) -> None:
    desk.tell(fired(key("unstable")), fired(key("unstable", "other")))
    desk.now += 1
    desk.tell(fired(key("nonfinite"), CRITICAL))
    assert news(desk.send()) == [[("firing", "nonfinite"), ("firing", "unstable")]]
    desk.now += 14
    assert [bundle.rows[0].key.subject.id for bundle in desk.send()] == ["other"]


def test_an_escalation_waits_for_nobody(desk: Desk) -> None:
    desk.tell(fired(key("epoch_loss_stall"), INFO))
    desk.now += 15
    desk.send()
    desk.tell(fired(key("epoch_loss_stall"), WARNING))
    assert news(desk.send()) == [[("escalated", "epoch_loss_stall")]]


def test_what_turns_critical_while_it_waits_goes_at_once(desk: Desk) -> None:
    desk.tell(fired(key("unstable")))
    desk.now += 1
    desk.tell(fired(key("unstable"), CRITICAL))
    assert news(desk.send()) == [[("firing", "unstable")]]


def test_what_turns_critical_does_not_hurry_a_channel_that_fails(desk: Desk) -> None:
    desk.tell(fired(key("unstable")))
    desk.now += 15
    desk.send(result=Result.FAILED)
    desk.tell(fired(key("unstable"), CRITICAL))
    assert desk.send() == []
    desk.now += 5
    assert len(desk.send()) == 1


def test_fired_and_resolved_within_the_wait_is_one_message(desk: Desk) -> None:
    desk.tell(fired(key("unstable")))
    desk.now += 10
    desk.tell(resolution(key=key("unstable")))
    desk.now += 5
    assert news(desk.send()) == [[("fired_and_resolved", "unstable")]]


def test_a_run_that_ends_closes_all_in_one_message(desk: Desk) -> None:
    rules = ("unstable", "eval_loss_gap", "overfitting")
    desk.tell(*(fired(key(rule)) for rule in rules))
    desk.now += 15
    desk.send()
    desk.tell(*(resolution(key=key(rule), reason="run_ended") for rule in rules))
    desk.now += 15
    (bundle,) = desk.send()
    assert {row.kind for row in bundle.rows} == {Kind.RESOLVED}
    assert len(bundle.rows) == 3
    assert desk.box.episodes() == frozenset()


def test_a_message_that_fails_is_tried_again_as_a_whole(desk: Desk) -> None:
    desk.tell(fired(key("unstable")), fired(key("plateau")))
    desk.now += 15
    (first,) = desk.send(result=Result.FAILED)
    assert desk.send() == []
    desk.now += 5
    (second,) = desk.send()
    assert [row.key for row in second.rows] == [row.key for row in first.rows]
    assert desk.box.outcomes()["chat", "failed"] == 1, "attempts are messages"


def test_rows_that_break_a_message_go_one_by_one(desk: Desk) -> None:
    desk.tell(fired(key("unstable")), fired(key("plateau")))
    desk.now += 15
    bundle = desk.box.bundle("chat", desk.now)
    assert bundle is not None
    desk.box.set_apart(bundle)
    assert [len(each.rows) for each in desk.send()] == [1, 1]
    desk.tell(fired(key("unstable"), episode=2), fired(key("plateau"), episode=2))
    desk.now += 15
    assert [len(each.rows) for each in desk.send()] == [2], "other episodes are other rows"


subjects = st.sampled_from(["a", "b", "c"])
happenings = st.lists(
    st.tuples(
        st.sampled_from(["unstable", "plateau", "nonfinite"]),
        subjects,
        st.sampled_from(["info", "warning", "critical", "resolved"]),
        st.integers(0, 20),
    ),
    max_size=25,
)


def _pass(desk: Desk, seconds: int, sent: list[tuple[float, Bundle]]) -> None:
    sent += [(desk.now, bundle) for bundle in desk.send()]
    for _ in range(seconds):
        desk.review(after=1)
        sent += [(desk.now, bundle) for bundle in desk.send()]


def _told(bundles: list[tuple[float, Bundle]]) -> list[tuple[str, str, str, int]]:
    return [
        (row.kind.value, row.key.rule, row.key.subject.id, row.episode)
        for _, bundle in bundles
        for row in bundle.rows
    ]


@given(happenings)
def test_grouping_loses_nothing_and_holds_nothing_back_for_long(
    steps: list[tuple[str, str, str, int]],
) -> None:
    """Whatever happens: a message is about one run, and all is told within the wait."""
    desk, sent = Desk(pace=Pace(hourly=1000)), list[tuple[float, Bundle]]()
    firing: dict[AlertKey, Severity] = {}
    begun: dict[AlertKey, int] = {}
    for rule, run, what, seconds in steps:
        about = key(rule, run)
        if what == "resolved" and about in firing:
            desk.tell(resolution(key=about, episode=begun[about], severity=firing.pop(about)))
        elif what != "resolved" and about not in firing:
            begun[about] = begun.get(about, 0) + 1
            firing[about] = Severity(what)
            desk.tell(fired(about, Severity(what), episode=begun[about]))
        _pass(desk, seconds, sent)
    _pass(desk, 15, sent)

    assert desk.box.pending() == {"chat": 0}
    assert all(len({row.group for row in bundle.rows}) == 1 for _, bundle in sent)
    assert all(at - row.created <= 15 for at, bundle in sent for row in bundle.rows)
    told = _told(sent)
    assert len(told) == len(set(told)), "nothing twice"
    for about, episodes in begun.items():
        for episode in range(1, episodes + 1):
            whose = (about.rule, about.subject.id, episode)
            kinds = {kind for kind, *what in told if tuple(what) == whose}
            ended = episode < episodes or about not in firing
            if ended:
                assert kinds in ({"firing", "resolved"}, {"fired_and_resolved"})
            else:
                assert kinds == {"firing"}


def test_each_channel_groups_for_itself() -> None:
    desk = Desk((Told("chat"), Told("pager", CRITICAL)))
    desk.tell(fired(key("unstable")), fired(key("nonfinite"), CRITICAL))
    assert [len(bundle.rows) for bundle in desk.send("pager")] == [1]
    assert [len(bundle.rows) for bundle in desk.send("chat")] == [2]
