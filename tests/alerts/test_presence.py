"""Nothing fires for ever about a GPU, a source or a node that is no more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.model import Inventory, NodeObservation, SourceObservation, Subject
from tests.support.fleet import NODE, Watchman, gpu
from tests.support.histories import START, limits

HOUR = 3600.0
DAY = 24 * HOUR
FULL = gpu(99.0)
BOTH = Inventory(NODE, 2, 2, (), START)
OTHER = gpu(10.0, "GPU-2")
THERE = NodeObservation("n2", "10.0.0.2:1", answering=True)
SILENT = replace(THERE, answering=False, reason="timed out")
THIRD = NodeObservation("n3", "10.0.0.3:1", answering=True)


def watchman_of_a_full_gpu() -> Watchman:
    watchman = Watchman()
    watchman.see(FULL, OTHER, inventories=[BOTH], seconds=300)
    assert [t.key.rule for t in watchman.told] == ["gpu_memory_high"]
    watchman.told.clear()
    return watchman


def endings(watchman: Watchman) -> list[tuple[str, str | None, float]]:
    """Return what has ended, why, and how many seconds after the start."""
    return [(t.key.rule, t.reason, t.at - START) for t in watchman.told if t.state == "resolved"]


def test_a_gpu_that_was_taken_out_ends_its_alerts() -> None:
    watchman = watchman_of_a_full_gpu()
    one = replace(BOTH, expected=1, seen=1)
    watchman.see(OTHER, inventories=[one], seconds=600)
    assert endings(watchman) == [("gpu_memory_high", "gone", 570.0)]


def test_what_a_gpu_was_divided_into_is_forgotten() -> None:
    watchman = Watchman()
    for number in range(100):
        watchman.see(OTHER, gpu(10.0, f"MIG-{number}"), inventories=[BOTH])
        # Twelve of them were seen within the last five minutes, with those of now.
        assert len(watchman.fleet.seen) <= 2 + 12
    watchman.see(FULL, inventories=[BOTH], seconds=300)
    watchman.see(OTHER, inventories=[BOTH], seconds=HOUR)
    assert Subject("gpu", "GPU-1", NODE) in watchman.fleet.seen, "what was told of has a number"


def test_a_gpu_that_is_missed_keeps_them_for_a_day() -> None:
    watchman = watchman_of_a_full_gpu()
    missing = replace(BOTH, lost=("GPU-1",))
    watchman.see(OTHER, inventories=[missing], seconds=DAY - 60, every=60)
    assert endings(watchman) == []
    watchman.see(OTHER, inventories=[missing], seconds=300, every=60)
    assert endings(watchman) == [("gpu_memory_high", "given_up", 270 + DAY + 30)]
    assert [t.key.rule for t in watchman.told if t.state == "firing"] == ["gpu_lost"]


def test_a_node_that_cannot_be_read_keeps_them_for_a_day() -> None:
    watchman = watchman_of_a_full_gpu()
    watchman.see(seconds=DAY - 60, every=60)
    assert endings(watchman) == []
    watchman.see(seconds=120, every=60)
    assert endings(watchman) == [("gpu_memory_high", "given_up", 270 + DAY + 30)]


def test_a_gpu_of_another_node_says_nothing_about_this_one() -> None:
    watchman = watchman_of_a_full_gpu()
    watchman.see(gpu(5.0, "GPU-9", "n9"), inventories=[replace(BOTH, node="n9")], seconds=HOUR)
    assert endings(watchman) == []


def test_a_restart_counts_on_from_when_it_was_heard_of_last() -> None:
    watchman = watchman_of_a_full_gpu()
    watchman.see(seconds=DAY - 120, every=60)
    watchman.restart()
    watchman.see(seconds=300, every=60)
    assert endings(watchman) == [("gpu_memory_high", "given_up", 270 + DAY + 30)]


def test_what_was_pending_is_forgotten_in_silence() -> None:
    watchman = Watchman()
    watchman.see(FULL, inventories=[BOTH], seconds=60)
    watchman.see(OTHER, inventories=[BOTH], seconds=HOUR)
    assert watchman.told == []
    assert [alert.state for alert in watchman.fleet.alerts.values()] == ["resolved"]


def test_a_source_that_is_no_longer_read_is_given_up() -> None:
    watchman = Watchman()
    down = SourceObservation("nvml", NODE, up=False, expected=True)
    watchman.see(sources=(down,), seconds=600)
    watchman.see(seconds=DAY + 60, every=60)
    assert [reason for _, reason, _ in endings(watchman)] == ["given_up"]


def test_a_node_that_falls_silent_is_told_after_five_minutes() -> None:
    watchman = Watchman()
    watchman.see(nodes=(THERE, THIRD), seconds=600)
    watchman.see(nodes=(SILENT, THIRD), seconds=600)
    watchman.see(nodes=(THERE, THIRD), seconds=600)
    assert [(t.key.rule, t.key.subject.id, t.state, t.at - START) for t in watchman.told] == [
        ("node_silent", "n2", "firing", 900.0),
        ("node_silent", "n2", "resolved", 1500.0),
    ]
    assert watchman.told[0].summary == "the process on n2 has not answered for 6 min: timed out"


def test_a_node_that_is_silent_for_less_is_not() -> None:
    watchman = Watchman()
    for _ in range(5):
        watchman.see(nodes=(THERE,), seconds=60)
        watchman.see(nodes=(SILENT,), seconds=270)
    assert watchman.told == []


def test_a_node_that_never_answered_is_not_missed() -> None:
    watchman = Watchman()
    assert watchman.see(nodes=(SILENT,), seconds=HOUR) == []


def test_a_node_that_answered_another_process_is_missed() -> None:
    watchman = Watchman()
    watchman.see(nodes=(THERE,), seconds=60)
    watchman.restart()
    assert watchman.see(nodes=(SILENT,), seconds=600) == [("node_silent", "firing", 360.0)]


def test_a_silent_node_holds_the_alerts_of_its_gpus() -> None:
    watchman = Watchman()
    theirs = gpu(99.0, node="n2")
    inventory = replace(BOTH, node="n2", expected=1, seen=1)
    watchman.see(theirs, inventories=[inventory], nodes=(THERE,), seconds=300)
    watchman.see(nodes=(SILENT,), seconds=HOUR)
    assert [(t.key.rule, t.state) for t in watchman.told] == [
        ("gpu_memory_high", "firing"),
        ("node_silent", "firing"),
    ]


def test_a_node_that_leaves_takes_its_alerts_along() -> None:
    watchman = Watchman()
    watchman.see(gpu(99.0, node="n2"), nodes=(THERE, THIRD), seconds=300)
    watchman.see(nodes=(SILENT, THIRD), seconds=600)
    watchman.told.clear()
    watchman.see(nodes=(THIRD,), seconds=600)
    assert sorted(endings(watchman)) == [
        ("gpu_memory_high", "gone", 1200.0),
        ("node_silent", "gone", 1200.0),
    ]


def test_a_node_whose_pod_is_replaced_has_not_left() -> None:
    watchman = Watchman()
    watchman.see(gpu(99.0, node="n2"), nodes=(THERE, THIRD), seconds=300)
    watchman.see(nodes=(THIRD,), seconds=240)
    watchman.see(nodes=(THERE, THIRD), seconds=600)
    assert endings(watchman) == []


def test_nobody_leaves_while_nobody_is_asked() -> None:
    watchman = Watchman()
    watchman.see(gpu(99.0, node="n2"), nodes=(THERE,), seconds=300)
    watchman.see(nodes=None, seconds=HOUR)
    assert endings(watchman) == []
    watchman.see(nodes=(), seconds=600)
    assert [reason for _, reason, _ in endings(watchman)] == ["gone"]


def test_a_silent_node_is_given_up_after_a_day_and_not_told_again() -> None:
    watchman = Watchman()
    watchman.see(nodes=(THERE,), seconds=60)
    watchman.see(nodes=(SILENT,), seconds=3 * DAY, every=600)
    assert [(t.state, t.reason) for t in watchman.told] == [
        ("firing", None),
        ("resolved", "given_up"),
    ]
    watchman.see(nodes=(THERE,), seconds=60)
    assert [t for t, *_ in watchman.see(nodes=(SILENT,), seconds=600)] == ["node_silent"]


@pytest.mark.parametrize("tuning", [{"ignore": ["n*"]}, {"enabled": False}])
def test_a_node_that_may_come_and_go_is_ignored(tuning: dict[str, object]) -> None:
    watchman = Watchman(limits({"node_silent": tuning}))
    watchman.see(nodes=(THERE,), seconds=60)
    assert watchman.see(nodes=(SILENT,), seconds=HOUR) == []


def test_alerts_about_what_is_long_gone_are_forgotten() -> None:
    watchman = watchman_of_a_full_gpu()
    watchman.see(OTHER, inventories=[BOTH], seconds=HOUR)
    watchman.see(OTHER, inventories=[BOTH], seconds=6 * DAY, every=600)
    assert len(watchman.fleet.alerts) == 1
    watchman.see(OTHER, inventories=[BOTH], seconds=2 * DAY, every=600)
    assert watchman.fleet.alerts == {}


def test_what_is_remembered_is_bounded_by_a_day() -> None:
    watchman = Watchman()
    for number in range(200):
        replaced = gpu(10.0, f"MIG-{number}")
        watchman.see(replace(replaced, xid_at={13: watchman.now}), seconds=HOUR, every=HOUR)
    fleet = watchman.fleet
    assert len(fleet.seen) <= 26
    assert len(fleet.to_document()["xids"]) <= 26
    assert fleet.to_document()["heard"] == []
