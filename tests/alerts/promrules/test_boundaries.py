"""Numbers at their very limit: equal is no breach, one step further is, in both engines."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alerts.model import GpuObservation, SourceObservation
from alerts.promrules.groups import groups
from alerts.promrules.settings import PrometheusSettings
from alerts.signals import SIGNALS
from alerts.thresholds import AlertSettings, Rules, Thresholds
from tests.support.lives import Life, polled
from tests.support.promtool import judge
from tests.support.twin import ANSWERS, NODE, Moment, Twin

SETTINGS = AlertSettings(
    thresholds=Thresholds(
        max_loss_increase_pct=25.0,
        min_loss_decrease_per_epoch=5.0,
        max_val_loss_diff=0.125,
        max_val_loss_increase=3,
        max_gpu_memory_pct=95.0,
        max_training_time_hours=0.05,
    ),
    rules=Rules.model_validate(
        {"loss_increase": {"baseline": "previous"}, "gpu_memory_high": {"ignore": ["GPU-[2-9]*"]}}
    ),
)
INTERVAL = 5.0
SECONDS = 760.0
ABOVE = math.nextafter


def rise() -> Life:
    """Rise by exactly the limit, then by a hair more, then by far."""
    life = Life.of("rise")
    for at, loss in ((0, 1.0), (5, 1.25), (10, 1.0), (15, ABOVE(1.25, 2)), (20, 1.0), (400, 9.0)):
        life.log(at, at + 1, loss=loss)
    return life


def tiny_rise() -> Life:
    """Double, by less than counts as a rise."""
    return Life.of("tiny").log(0, 1, loss=0.001).log(5, 2, loss=0.002)


def epochs() -> Life:
    """Fall by exactly the limit over an epoch, then by a hair less, then by enough."""
    life = Life.of("epochs")
    for number, loss in enumerate((100.0, 95.0, 90.26, 50.0, 10.0)):
        life.log(number * 10, 2 * number + 1, loss=loss, epoch=number + 0.5)
        life.log(number * 10 + 5, 2 * number + 2, loss=loss, epoch=number + 1.0)
    return life


def gaps() -> Life:
    """Validate at the limit above the training loss, beyond it, and below."""
    life = Life.of("gaps")
    for number, loss in enumerate((1.125, 1.126, 1.0)):
        life.log(number * 20, 2 * number + 1, loss=1.0)
        life.log(number * 20 + 5, 2 * number + 2, loss=1.0, eval_loss=loss)
    return life


def rises() -> Life:
    """Let the validation loss rise as often as the limit says."""
    life = Life.of("rises").log(0, 1, loss=1.0)
    for number, loss in enumerate((1.0, 1.01, 1.02, 1.03, 0.9)):
        life.log(5 + number * 10, number + 2, {"eval_code_loss": loss}, loss=1.0)
    return life


def explosion() -> Life:
    """Log a NaN, an infinity, and finite numbers again."""
    life = Life.of("explosion").log(0, 1, loss=1.0).log(5, 2, loss=math.nan)
    life.log(10, 3, loss=math.inf)
    for step in range(4, 26):
        life.log(10 + step, step, loss=1.0)
    return life


def marathon() -> Life:
    """Train for longer than the limit."""
    life = Life.of("marathon")
    for at in range(0, 305, 5):
        life.log(at, at + 1, loss=1.0 + 1e-6 * at)
    return life.end(300)


def gpus(now: float) -> tuple[GpuObservation, ...]:
    """Fill a GPU up to the limit and beyond; lose another while it is full; have one ignored."""
    first = 95.0 if now <= 150 else 96.0 if now <= 350 else 40.0
    seen = [(0, first), (2, 99.0)] + ([] if 60 <= now < 100 else [(1, 96.0)])
    return tuple(
        GpuObservation(f"GPU-{index}", index, NODE, round(pct * 10**9), 100 * 10**9, now)
        for index, pct in seen
    )


def sources(now: float) -> tuple[SourceObservation, ...]:
    """Lose the GPU driver for a while; have sources down that nobody misses, or not for long."""
    return (
        *ANSWERS,
        SourceObservation("nvml", NODE, up=not 50 <= now < 400, expected=True),
        SourceObservation("pods", NODE, up=False, expected=False),
        SourceObservation("given", NODE, up=False, expected=True, released=now >= 60),
        SourceObservation("lost", NODE, up=False, expected=True, released=900 <= now < 1200),
    )


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Twin:
    twin = Twin(SETTINGS, tmp_path_factory.mktemp("state"), INTERVAL)
    lives = [rise(), tiny_rise(), epochs(), gaps(), rises(), explosion(), marathon()]
    for tick in range(int(SECONDS / INTERVAL) + 1):
        now = tick * INTERVAL
        news = polled(lives, now - INTERVAL, now)
        twin.tick(Moment(news, gpus(now), sources(now)), now)
    return twin


def test_prometheus_fires_when_the_daemon_does(twin: Twin, tmp_path: Path) -> None:
    assert judge(tmp_path, {"generated": twin.case()})["generated"].differences == []
    assert twin.fired >= {*SIGNALS, "gpu_memory_high", "source_down"}


Entry = Mapping[str, Any]
"""One alerting rule of a rule file."""


def entries(rule: str) -> list[Entry]:
    """Return the generated rules of one rule of the daemon, the mildest first."""
    found = groups(SETTINGS, PrometheusSettings())
    return [e for group in found for e in group["rules"] if e["labels"].get("rule") == rule]


def mutants(mild: Entry) -> dict[str, Entry]:
    """Return a rule with one thing changed in each: how it compares, with what, how long."""
    expr: str = mild["expr"]
    (match,) = re.finditer(r"(>=|>|<|==) ([\d.]+)$", expr, re.MULTILINE)
    operator, limit = match[1], float(match[2])
    nudge = 1.0 if operator == ">=" else 0.03 * limit or 1.0
    swapped = {">": ">=", ">=": ">", "<": "<=", "==": "<"}[operator]
    compared = {
        "swapped": f"{swapped} {limit:g}",
        "higher": f"{operator} {limit + nudge:g}",
        "lower": f"{operator} {limit - nudge:g}",
    }
    found: dict[str, Entry] = {
        name: {**mild, "expr": expr[: match.start()] + other + expr[match.end() :]}
        for name, other in compared.items()
    }
    found["kept for longer"] = {**mild, "keep_firing_for": "5m5s"}
    found["kept for less"] = {**mild, "keep_firing_for": "4m55s"}
    found["held for longer"] = {**mild, "for": "5m5s"}
    if "\nunless" in expr:
        found["not excused"] = {**mild, "expr": expr.partition("\nunless")[0]}
    return found


@pytest.mark.parametrize("rule", [*SIGNALS, "gpu_memory_high", "source_down"])
def test_a_rule_that_judges_otherwise_is_caught(twin: Twin, tmp_path: Path, rule: str) -> None:
    mild, *graver = entries(rule)
    changed = {name.replace(" ", "-"): entry for name, entry in mutants(mild).items()}
    cases = {name: twin.case_of(rule, [entry, *graver]) for name, entry in changed.items()}
    found = judge(tmp_path, {**cases, "as-it-is": twin.case_of(rule, [mild, *graver])})
    assert found["as-it-is"].differences == []
    assert [name for name, judged in found.items() if judged.holds] == ["as-it-is"]


def test_a_rule_that_is_too_grave_is_caught(twin: Twin, tmp_path: Path) -> None:
    mild, *graver = entries("loss_increase")
    always = [{**entry, "expr": entry["expr"].partition("\nand")[0]} for entry in graver]
    assert len(graver) == 2
    assert not judge(tmp_path, {"x": twin.case_of("loss_increase", [mild, *always])})["x"].holds
