"""GPUs and sources under watch: their alerts, moved by readings and by the clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.fleet import Fleet
from alerts.model import AlertKey, SourceObservation, Subject
from alerts.thresholds import Limits
from tests.support.fleet import STEP, Watchman, gpu
from tests.support.histories import START, limits

UP = SourceObservation("nvml", "n1", up=True, expected=True)
DOWN = replace(UP, up=False, reason="driver gone")


def test_a_full_gpu_is_told_after_two_minutes_and_ends_five_after_it_is_not() -> None:
    watchman = Watchman()
    assert watchman.see(gpu(96.0), seconds=120) == []
    assert watchman.see(gpu(97.0), seconds=600) == [("gpu_memory_high", "firing", 120.0)]
    assert watchman.see(gpu(90.0), seconds=300) == []
    assert watchman.see(gpu(90.0), seconds=60) == [("gpu_memory_high", "resolved", 1020.0)]
    assert [(t.value, t.episode) for t in watchman.told] == [(97.0, 1), (90.0, 1)]


def test_a_gpu_that_is_full_now_and_then_is_not_told() -> None:
    watchman = Watchman()
    for _ in range(20):
        assert watchman.see(gpu(96.0), seconds=90) == []
        assert watchman.see(gpu(94.0)) == []


def test_missing_readings_hold_what_was_said() -> None:
    watchman = Watchman()
    watchman.see(gpu(96.0), seconds=180)
    assert watchman.see(seconds=3_600) == []
    pending = Watchman()
    pending.see(gpu(96.0), seconds=60)
    assert pending.see(seconds=3_600) == []
    assert pending.see(gpu(96.0)) == [("gpu_memory_high", "firing", 3660.0)]


def test_gpus_are_told_apart_by_uuid_and_node() -> None:
    watchman = Watchman()
    watchman.see(
        gpu(96.0), gpu(96.0, "GPU-2"), gpu(96.0, node="n2"), gpu(1.0, "GPU-3"), seconds=300
    )
    assert {t.key.subject for t in watchman.told} == {
        Subject("gpu", "GPU-1", "n1"),
        Subject("gpu", "GPU-2", "n1"),
        Subject("gpu", "GPU-1", "n2"),
    }
    key = AlertKey("gpu_memory_high", Subject("gpu", "GPU-3", "n1"))
    seen = replace(gpu(1.0, "GPU-3"), observed_at=watchman.now - STEP)
    assert watchman.fleet.seen[key.subject] == seen


def test_a_gpu_that_has_moved_is_one_gpu_of_its_run() -> None:
    watchman = Watchman()
    for node in ("n1", "n2"):
        watchman.see(replace(gpu(node=node), runs=("run-1",)))
    assert watchman.fleet.devices_by_run() == {"run-1": ("GPU-1",)}


def test_a_source_that_is_down_is_told_after_five_minutes_and_gets_critical_after_thirty() -> None:
    watchman = Watchman()
    watchman.see(sources=(UP,), seconds=60)
    watchman.see(sources=(DOWN,), seconds=3_600)
    watchman.see(sources=(UP,), seconds=400)
    assert [(t.state, t.severity.value, t.at - START, t.episode) for t in watchman.told] == [
        ("firing", "warning", 360.0, 1),
        ("firing", "critical", 1860.0, 1),
        ("resolved", "critical", 3960.0, 1),
    ]
    assert watchman.told[0].summary == "nvml on n1 has been down for 5 min: driver gone"


def test_a_source_that_is_given_back_on_purpose_is_not_missed() -> None:
    watchman = Watchman()
    given = replace(DOWN, released=True)
    assert watchman.see(sources=(UP,), seconds=60) == []
    assert watchman.see(sources=(given,), seconds=7_200) == []
    assert watchman.see(sources=(DOWN,), seconds=290) == []
    told = watchman.see(sources=(DOWN,), seconds=60)
    assert told == [("source_down", "firing", 60.0 + 7_200 + 300)]
    assert watchman.see(sources=(given,), seconds=300) == []
    assert [what[:2] for what in watchman.see(sources=(given,), seconds=60)] == [
        ("source_down", "resolved")
    ]


def test_a_source_that_flaps_is_down_anew_each_time() -> None:
    watchman = Watchman()
    for _ in range(9):
        assert watchman.see(sources=(DOWN,), seconds=270) == []
        assert watchman.see(sources=(UP,), seconds=30) == []


def test_an_earlier_outage_does_not_count_towards_the_next() -> None:
    watchman = Watchman()
    watchman.see(sources=(DOWN,), seconds=990)
    watchman.see(sources=(UP,), seconds=390)
    watchman.told.clear()
    watchman.see(sources=(DOWN,), seconds=1_200)
    assert [(t.severity.value, t.at - START, t.value) for t in watchman.told] == [
        ("warning", 1_680.0, 300.0)
    ]


def test_a_source_that_nobody_expects_is_not_told() -> None:
    watchman = Watchman()
    assert watchman.see(sources=(replace(DOWN, expected=False),), seconds=9_000) == []


def test_an_outage_is_counted_from_its_begin_across_a_restart() -> None:
    watchman = Watchman()
    watchman.see(sources=(DOWN,), seconds=240)
    watchman.restart()
    watchman.see(sources=(DOWN,), seconds=1_620)
    watchman.restart()
    told = [(t.severity.value, t.at - START) for t in watchman.told]
    assert told == [("warning", 300.0), ("critical", 1800.0)]
    assert watchman.see(sources=(DOWN,), seconds=600) == []


def test_a_gpu_alert_survives_a_restart() -> None:
    watchman = Watchman()
    watchman.see(gpu(96.0), seconds=180)
    watchman.restart()
    assert watchman.see(gpu(96.0), seconds=600) == []
    watchman.see(gpu(9.0), seconds=600)
    assert [(t.state, t.episode) for t in watchman.told] == [("firing", 1), ("resolved", 1)]


def test_a_driver_that_is_down_mutes_the_gpus_of_its_node() -> None:
    watchman = Watchman()
    watchman.see(sources=(DOWN,), seconds=330)
    watchman.see(gpu(96.0), gpu(96.0, node="n2"), sources=(DOWN,), seconds=180)
    found = {(t.key.rule, t.key.subject.node): t.inhibited_by for t in watchman.told}
    assert found == {
        ("source_down", "n1"): None,
        ("gpu_memory_high", "n1"): "source_down",
        ("gpu_memory_high", "n2"): None,
    }
    watchman.told.clear()
    watchman.see(gpu(9.0), gpu(9.0, node="n2"), sources=(DOWN,), seconds=600)
    ends = {(t.key.subject.node, t.state): t.inhibited_by for t in watchman.told}
    assert ends == {("n1", "resolved"): "source_down", ("n2", "resolved"): None}


@pytest.mark.parametrize(
    "off", [limits(max_gpu_memory_pct=None), limits({"gpu_memory_high": {"enabled": False}})]
)
def test_a_rule_that_is_switched_off_ends_its_alerts(off: Limits) -> None:
    watchman = Watchman()
    watchman.see(gpu(96.0), seconds=180)
    watchman.limits = off
    watchman.see(gpu(96.0), seconds=600)
    assert [(t.state, t.reason) for t in watchman.told] == [
        ("firing", None),
        ("resolved", "rule_removed"),
    ]
    watchman.limits = limits()
    watchman.see(gpu(96.0), seconds=180)
    assert [(t.state, t.episode) for t in watchman.told[2:]] == [("firing", 2)]


def test_an_alert_of_a_rule_that_is_gone_is_dropped() -> None:
    watchman = Watchman()
    watchman.see(gpu(96.0), seconds=180)
    document = watchman.fleet.to_document()
    document["alerts"][0]["rule"] = "gpu_gone"
    assert Fleet.from_document(document).alerts == {}


def test_what_was_pending_when_its_rule_went_off_begins_anew() -> None:
    watchman = Watchman()
    watchman.see(gpu(96.0), seconds=90)
    watchman.limits = limits(max_gpu_memory_pct=None)
    watchman.see(gpu(96.0), seconds=90)
    watchman.limits = limits()
    assert watchman.see(gpu(96.0), seconds=150) == [("gpu_memory_high", "firing", 300.0)]
    assert watchman.told[-1].episode == 1
