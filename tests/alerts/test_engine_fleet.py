"""GPUs and sources in the engine, and settings that change while alerts fire."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model import Severity, SourceObservation
from alerts.notify import Kind
from alerts.thresholds import AlertSettings, GpuTuning, Rules, RuleTuning, Thresholds
from tests.support.engine import (
    MLFLOW_DOWN,
    MLFLOW_UP,
    NAN,
    SETTINGS,
    Station,
    losses,
    memory,
    news,
    run_facts,
    said,
    told,
)

NVML_UP = SourceObservation("nvml", "node-1", up=True, expected=True)
NVML_DOWN = replace(NVML_UP, up=False, reason="the driver is gone: load it")
NO_MEMORY_RULE = AlertSettings(thresholds=Thresholds(max_loss_increase_pct=20))


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path / "state.json")


def test_a_source_that_is_down_is_told_after_five_minutes(station: Station) -> None:
    station.tick(sources=[MLFLOW_DOWN])
    assert station.wait(299, every=10, sources=[MLFLOW_DOWN]) == []
    (warning,) = station.tick(after=1, sources=[MLFLOW_DOWN])
    assert (warning.key.rule, warning.severity) == ("source_down", Severity.WARNING)
    (message,) = station.deliver()
    assert said([message]) == ["firing: source_down · source mlflow · #1"]
    assert "connection refused" in message.text


def test_a_source_that_stays_down_is_critical_after_half_an_hour(station: Station) -> None:
    station.tick(sources=[MLFLOW_DOWN])
    station.wait(1799, every=10, sources=[MLFLOW_DOWN])
    station.deliver()
    (critical,) = station.tick(after=1, sources=[MLFLOW_DOWN])
    assert (critical.severity, critical.episode) == (Severity.CRITICAL, 1)
    assert said(station.deliver()) == ["escalated: source_down · source mlflow · #1"]
    assert station.wait(3600, sources=[MLFLOW_DOWN]) == []


def test_a_source_that_is_back_resolves_after_five_minutes(station: Station) -> None:
    station.wait(600, sources=[MLFLOW_DOWN])
    station.deliver()
    assert station.wait(300, every=10) == []
    assert told(station.tick(after=10)) == [("source_down", "resolved", "recovered")]
    assert said(station.deliver()) == ["resolved: source_down · source mlflow · #1"]


def test_a_source_that_flaps_is_one_episode(station: Station) -> None:
    station.wait(600, sources=[MLFLOW_DOWN])
    for _ in range(5):
        assert station.wait(120, sources=[MLFLOW_UP]) == []
        assert station.wait(120, sources=[MLFLOW_DOWN]) == []


def test_a_source_that_was_never_expected_is_no_alert(station: Station) -> None:
    missing = replace(NVML_DOWN, expected=False)
    assert station.wait(2400, sources=[missing]) == []


def test_a_restart_goes_on_counting_how_long_a_source_is_down(station: Station) -> None:
    station.tick(sources=[MLFLOW_DOWN])
    station.wait(280, sources=[MLFLOW_DOWN])
    station.engine.flush(station.now)
    station.restart()
    unknown = replace(MLFLOW_DOWN, expected=False)
    station.tick(sources=[unknown])
    assert told(station.tick(after=20, sources=[MLFLOW_DOWN])) == [("source_down", "firing", None)]


def test_memory_is_told_when_it_stays_high_for_two_minutes(station: Station) -> None:
    station.tick(gpus=(memory(96, station.now),))
    assert station.wait(119, every=10, gpus=(memory(96, station.now),)) == []
    (fired,) = station.tick(after=1, gpus=(memory(97, station.now),))
    assert (fired.key.rule, fired.value) == ("gpu_memory_high", 97)
    (message,) = station.deliver()
    assert said([message]) == ["firing: gpu_memory_high · GPU 0 on node-1 · #1"]


def test_a_short_peak_of_memory_is_no_alert(station: Station) -> None:
    station.wait(100, gpus=(memory(96, station.now),))
    station.tick(after=10, gpus=(memory(95, station.now),))
    assert station.wait(110, gpus=(memory(96, station.now),)) == []


def test_readings_that_are_missing_hold_an_alert(station: Station) -> None:
    station.wait(150, gpus=(memory(99, station.now),))
    assert station.wait(3600) == []
    assert len(station.engine.view(station.now).alerts) == 1
    recovered = station.wait(301, every=1, gpus=(memory(10, station.now),))
    assert told(recovered) == [("gpu_memory_high", "resolved", "recovered")]


def test_a_driver_that_is_gone_explains_what_it_hides(station: Station) -> None:
    down = [NVML_DOWN, MLFLOW_UP]
    station.wait(400, sources=down)
    late = station.wait(150, sources=down, gpus=(memory(99, station.now),))
    assert [(t.key.rule, t.inhibited_by) for t in late] == [("gpu_memory_high", "source_down")]
    assert said(station.deliver()) == ["firing: source_down · source nvml on node-1 · #1"]


def test_a_rule_that_is_removed_ends_its_alerts_and_says_so(station: Station) -> None:
    station.wait(150, gpus=(memory(99, station.now),))
    station.tick(news(losses(2.0, NAN)))
    station.deliver()
    off = AlertSettings(rules=Rules(nonfinite=RuleTuning(enabled=False)))
    station.engine.reconfigure(off, station.now)
    assert told(station.tick(gpus=(memory(99, station.now),))) == [
        ("gpu_memory_high", "resolved", "rule_removed")
    ]
    messages = station.deliver()
    assert sorted(said(messages)) == [
        "resolved: gpu_memory_high · GPU 0 on node-1 · #1",
        "resolved: nonfinite · name of run-1 · #1",
    ]
    assert all("the rule was removed from the configuration" in m.text for m in messages)
    assert station.engine.view(station.now).alerts == ()
    assert station.engine.view(station.now).thresholds == {}


def test_a_gpu_goes_by_its_number_though_its_rule_is_gone(station: Station) -> None:
    station.wait(150, gpus=(memory(99, station.now),))
    station.deliver()
    station.tick()
    station.restart(NO_MEMORY_RULE)
    station.tick(gpus=(memory(99, station.now),))
    assert said(station.deliver()) == ["resolved: gpu_memory_high · GPU 0 on node-1 · #1"]


def test_news_of_a_removed_rule_survives_a_crash(station: Station) -> None:
    station.tick(news(losses(2.0, NAN)))
    station.deliver()
    station.tick()
    off = AlertSettings(rules=Rules(nonfinite=RuleTuning(enabled=False)))
    station.engine.reconfigure(off, station.now)
    station.restart(off)
    assert [message.kind for message in station.deliver()] == [Kind.RESOLVED]


@pytest.mark.parametrize(
    "settings",
    [
        AlertSettings(thresholds=Thresholds()),
        AlertSettings(
            thresholds=SETTINGS.thresholds,
            rules=Rules(
                gpu_memory_high=GpuTuning(enabled=False), source_down=RuleTuning(enabled=False)
            ),
        ),
    ],
)
def test_a_rule_that_is_off_never_fires(tmp_path: Path, settings: AlertSettings) -> None:
    station = Station(tmp_path / "state.json", settings)
    changed = station.wait(2400, gpus=(memory(99, station.now),))
    assert changed == []
    assert station.engine.view(station.now).alerts == ()


def test_a_pending_alert_ends_with_its_rule(station: Station) -> None:
    station.wait(60, gpus=(memory(99, station.now),))
    station.engine.reconfigure(NO_MEMORY_RULE, station.now)
    station.tick(gpus=(memory(99, station.now),))
    assert station.engine.view(station.now).alerts == ()


def test_other_limits_judge_from_the_next_point_on(station: Station) -> None:
    station.tick(news(losses(1.0, metric="eval_loss"), run_facts()))
    station.tick(news(losses(1.1, step=2, at=station.now, metric="eval_loss")))
    once = AlertSettings(thresholds=Thresholds(max_val_loss_increase=1))
    station.engine.reconfigure(once, station.now)
    assert station.engine.view(station.now).thresholds == {"eval_loss_rising": 1}
    changed = station.tick(news(losses(1.2, step=3, at=station.now + 60, metric="eval_loss")))
    assert told(changed) == [("eval_loss_rising", "firing", None)]
