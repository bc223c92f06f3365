"""GPU health and nodes in the engine: what people are told, and what a crash leaves of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model import GpuObservation, Inventory, NodeObservation, Severity
from tests.support.engine import NAN, Station, losses, memory, news, said, told
from tests.support.notices import NOW

HOUR = 3600.0
RACK = Inventory("node-1", 8, 8, (), NOW)
THERE = NodeObservation("node-2", "10.0.0.2:1", answering=True)


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path / "state.json")


def reported(station: Station, **at: float) -> tuple[GpuObservation, ...]:
    """Return a GPU that reported codes so many seconds after the start: `x79=60`."""
    times = {int(code[1:]): NOW + seconds for code, seconds in at.items()}
    return (replace(memory(10, station.now), xid_at=times),)


def test_an_xid_is_told_at_once_and_a_crash_changes_nothing(station: Station) -> None:
    (fired,) = station.tick(gpus=reported(station, x79=-3), after=2)
    assert (fired.key.rule, fired.severity, fired.at) == ("gpu_xid", Severity.CRITICAL, NOW - 3)
    (message,) = station.deliver()
    assert said([message]) == ["firing: gpu_xid · GPU 0 on node-1 · #1"]
    assert "the GPU has fallen off the bus" in message.text
    station.engine.flush(station.now)
    station.restart()
    assert station.wait(HOUR - 60, every=60, gpus=reported(station)) == []
    ended = station.wait(600, every=10, gpus=(memory(10, NOW + HOUR + 60),))
    assert told(ended) == [("gpu_xid", "resolved", "recovered")]
    assert said(station.deliver()) == ["resolved: gpu_xid · GPU 0 on node-1 · #1"]


def test_an_xid_that_was_judged_before_a_crash_is_told_after_it(station: Station) -> None:
    station.tick(gpus=reported(station, x79=0))
    station.restart()
    station.tick(gpus=(memory(10, station.now),))
    assert said(station.deliver()) == ["firing: gpu_xid · GPU 0 on node-1 · #1"]


def test_a_graver_xid_is_told_at_once(station: Station) -> None:
    station.tick(gpus=reported(station, x94=0))
    station.deliver()
    (worse,) = station.tick(gpus=reported(station, x94=0, x95=20), after=20)
    assert (worse.severity, worse.episode) == (Severity.CRITICAL, 1)
    (message,) = station.deliver()
    assert said([message]) == ["escalated: gpu_xid · GPU 0 on node-1 · #1"]
    assert "Xid 95" in message.text
    assert "Xid 94" in message.text


def test_each_further_gpu_that_is_lost_is_told(station: Station) -> None:
    one = replace(RACK, lost=("GPU-3",))
    station.wait(150, inventories=(one,))
    assert said(station.deliver()) == ["firing: gpu_lost · node node-1 · #1"]
    station.wait(600, inventories=(one,))
    assert station.deliver() == []
    station.wait(60, inventories=(replace(one, seen=7),))
    (message,) = station.deliver()
    assert message.title == "STILL CRITICAL: GPU lost, node node-1"
    assert "2 of 8 GPUs on node-1 are lost (GPU-3)." in message.text
    station.wait(25 * HOUR, every=600, inventories=(replace(one, seen=7),))
    assert [message.kind for message in station.deliver()] == ["repeated"]


def test_a_node_that_falls_silent_is_told_with_the_way_to_look_closer(station: Station) -> None:
    station.tick(nodes=(THERE,))
    station.wait(400, nodes=(replace(THERE, answering=False, reason="timed out"),))
    (message,) = station.deliver()
    assert said([message]) == ["firing: node_silent · node node-2 · #1"]
    assert "--field-selector spec.nodeName=node-2" in message.text
    station.wait(330, nodes=(THERE,))
    assert said(station.deliver()) == ["resolved: node_silent · node node-2 · #1"]


def test_what_is_told_of_a_run_says_how_its_gpus_fare(station: Station) -> None:
    mine = replace(memory(90, station.now), runs=("run-1",), utilization=42.0)
    other = replace(memory(80, station.now, "GPU-2"), index=1, runs=("run-2",))
    station.tick(news(losses(2.0, NAN)), gpus=(mine, other))
    (message,) = station.deliver()
    assert "GPU 0 on node-1: 83.82 of 93.13 GiB of memory used (90 %), 42 % busy" in message.text
    assert "GPU 1" not in message.text


def test_a_document_of_a_version_that_knew_less_is_taken_over(station: Station) -> None:
    station.wait(150, gpus=(memory(99, station.now),))
    station.engine.flush(station.now)
    station.store.close()
    document = json.loads(station.path.read_text())
    for added in ("xids", "heard", "answered"):
        del document["fleet"][added]
    station.path.write_text(json.dumps(document))
    station.restart()
    assert [shown.alert.key.rule for shown in station.engine.view(station.now).alerts] == [
        "gpu_memory_high"
    ]
    assert told(station.wait(400, gpus=(memory(10, station.now),))) == [
        ("gpu_memory_high", "resolved", "recovered")
    ]
