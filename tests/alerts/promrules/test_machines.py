"""Rules about GPUs and nodes fire in Prometheus when the daemon's do, from what nodes export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alerts.model import GpuObservation, Inventory, NodeObservation, RowRemap
from alerts.promrules.groups import groups
from alerts.promrules.settings import PrometheusSettings
from alerts.rules.machines import RULES
from alerts.thresholds import USER_THRESHOLDS, AlertSettings, Rules
from tests.support.promtool import judge
from tests.support.twin import ANSWERS, NODE, Moment, Twin

INTERVAL = 10.0
SECONDS = 760.0
TUNING: Mapping[str, Any] = {
    "gpu_xid": {"quiet": "2m", "ignore": ["GPU-9*"]},
    "gpu_idle_while_training": {"window": "1m"},
}
SETTINGS = AlertSettings(thresholds=USER_THRESHOLDS, rules=Rules.model_validate(TUNING))


def gpu(index: int, now: float, **changes: Any) -> GpuObservation:  # noqa: ANN401 - any field
    seen = GpuObservation(f"GPU-{index}", index, NODE, 50 * 10**9, 100 * 10**9, now)
    return replace(seen, **changes)


def xids(now: float) -> dict[int, float]:
    """Report a mild code and a grave one, and the mild one again; each process forgets."""
    reported = {94: 20.0, 79: 60.0} if now < 100 else {94: 300.0} if now < 330 else {}
    return {code: at for code, at in reported.items() if at <= now}


def remap(now: float) -> RowRemap:
    return RowRemap(pending=50 <= now < 100 or 150 <= now < 200, failure=100 <= now < 150)


def busy(now: float) -> float:
    """Work, wait for two minutes and a half, and work again."""
    return min(now, 100.0) + max(0.0, now - 250.0)


def gpus(now: float) -> Iterator[GpuObservation]:
    yield gpu(0, now, xid_at=xids(now), xids=dict.fromkeys(xids(now), 1))
    yield gpu(1, now, ecc_uncorrected=2 if 100 <= now < 200 else 0)
    yield gpu(2, now, remap=remap(now))
    hot, braked = 10 <= now < 200, 200 <= now < 330
    reasons = {"hw_thermal_slowdown": hot, "hw_power_brake_slowdown": braked}
    yield gpu(3, now, throttle={**reasons, "sw_power_cap": True})
    yield gpu(4, now, throttle={"hw_power_brake_slowdown": 10 <= now < 305})
    yield gpu(5, now, busy_seconds=busy(now), runs=("a",))
    yield gpu(6, now, busy_seconds=0.07 * now, runs=("b",) if 100 <= now < 200 else ())
    yield gpu(7, now, memory_used_bytes=None, memory_total_bytes=None)
    for part, pct in (("MIG-1", 97.0 if 20 <= now < 300 else 40.0), ("MIG-2", 95.0)):
        yield gpu(7, now, uuid=part, memory_used_bytes=round(pct * 10**9), parent="GPU-7")
    yield gpu(8, now, remap=RowRemap(pending=False, failure=now >= 400))
    yield gpu(9, now, xid_at={79: 0.0})


def rack(now: float) -> Inventory:
    """Miss one GPU for too short, then one that the driver does not list, then two."""
    lost = ("GPU-8",) if 10 <= now < 120 or 250 <= now < 300 else ()
    return Inventory(NODE, 10, 9 if 130 <= now < 300 else 10, lost, now)


def other_node(now: float) -> NodeObservation:
    return NodeObservation("node-2", "10.0.0.2:1", answering=not 50 <= now < 400)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Twin:
    twin = Twin(SETTINGS, tmp_path_factory.mktemp("state"), INTERVAL)
    for tick in range(int(SECONDS / INTERVAL) + 1):
        now = tick * INTERVAL
        moment = Moment((), tuple(gpus(now)), ANSWERS, (rack(now),), (other_node(now),))
        twin.tick(moment, now)
    return twin


def test_prometheus_fires_when_the_daemon_does(twin: Twin, tmp_path: Path) -> None:
    told = {
        (t.key.rule, t.key.subject.id, t.severity.value, t.at)
        for t in twin.told
        if t.state == "firing"
    }
    assert told == {
        ("gpu_xid", "GPU-0", "warning", 20.0),
        ("gpu_xid", "GPU-0", "critical", 60.0),
        ("gpu_ecc_uncorrectable", "GPU-1", "critical", 100.0),
        ("gpu_row_remap", "GPU-2", "warning", 50.0),
        ("gpu_row_remap", "GPU-2", "critical", 100.0),
        ("gpu_row_remap", "GPU-8", "critical", 400.0),
        ("gpu_slowdown", "GPU-3", "warning", 310.0),
        ("gpu_idle_while_training", "GPU-5", "warning", 160.0),
        ("gpu_idle_while_training", "GPU-6", "warning", 160.0),
        ("gpu_memory_high", "MIG-1", "warning", 140.0),
        ("gpu_lost", NODE, "critical", 250.0),
        ("node_silent", "node-2", "warning", 350.0),
    }
    assert judge(tmp_path, {"generated": twin.case()})["generated"].differences == []


def entries(rule: str) -> list[dict[str, Any]]:
    """Return the generated rules of one rule of the daemon, the mildest first."""
    found = groups(SETTINGS, PrometheusSettings())
    return [dict(e) for g in found for e in g["rules"] if e["labels"].get("rule") == rule]


OTHERWISE: Mapping[str, list[tuple[str, str]]] = {
    "gpu_xid": [
        ("time() - 120", "time() - 130"),
        ("[2m]", "[30s]"),
        ("|94|", "|"),
        ('uuid!~"GPU\\\\-9.*",', ""),
    ],
    "gpu_ecc_uncorrectable": [('"uncorrected"', '"corrected"'), ("> 0", "> 2")],
    "gpu_row_remap": [("> 0", "> 1"), ("remap_failure", "remap_pending")],
    "gpu_lost": [("> 0", "> 1"), ("_missing", "_expected")],
    "gpu_slowdown": [("hw_thermal_slowdown", "sw_power_cap"), ("_brake_slowdown|", "|")],
    "gpu_idle_while_training": [("< 10", "< 5"), ("on (uuid)", "on (uuid, node)")],
    "gpu_memory_high": [(" or last_over_time(nvidia_mig_memory_total_bytes[5m])", "")],
    "node_silent": [("== 0", "== 1"), ('"peer", "(.*)"', '"peer", "(x)"')],
}
"""What could be written instead of a part of a rule, and would be wrong."""


@pytest.mark.parametrize("rule", OTHERWISE)
def test_a_rule_that_judges_otherwise_is_caught(twin: Twin, tmp_path: Path, rule: str) -> None:
    mild, *graver = entries(rule)
    cases = {"as-it-is": twin.case_of(rule, [mild, *graver])}
    for number, (part, other) in enumerate(OTHERWISE[rule]):
        assert part in mild["expr"]
        changed = {**mild, "expr": mild["expr"].replace(part, other)}
        cases[f"otherwise-{number}"] = twin.case_of(rule, [changed, *graver])
    for key, other in (("for", "5m5s"), ("keep_firing_for", "4m50s")):
        cases[f"another-{key}"] = twin.case_of(rule, [{**mild, key: other}, *graver])
    found = judge(tmp_path, cases)
    assert [name for name, judged in found.items() if judged.holds] == ["as-it-is"]


@pytest.mark.parametrize("rule", ["gpu_xid", "gpu_row_remap"])
def test_an_episode_that_was_grave_stays_so(twin: Twin, tmp_path: Path, rule: str) -> None:
    mild, grave = entries(rule)
    forgetful = {**grave, "expr": grave["expr"].partition("\nor on")[0] + ")"}
    always = {**grave, "expr": mild["expr"]}
    cases = {"forgetful": [mild, forgetful], "always": [mild, always], "mild-alone": [mild]}
    found = judge(tmp_path, {name: twin.case_of(rule, each) for name, each in cases.items()})
    assert not any(judged.holds for judged in found.values())


def test_every_rule_about_machines_is_compared() -> None:
    assert {*OTHERWISE, "source_down"} == {rule.name for rule in RULES}
