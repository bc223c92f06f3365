"""The generated rules fire in Prometheus at the very instants at which the daemon's alerts do."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model import RunStatus
from alerts.rules import RULES
from alerts.thresholds import USER_THRESHOLDS, AlertSettings, Rules, Thresholds
from tests.support.lives import Life, polled
from tests.support.promtool import judge
from tests.support.recordings import recording_names
from tests.support.twin import ANSWERS, Moment, Twin

SETTINGS = AlertSettings(thresholds=USER_THRESHOLDS)
AFTERWARDS = 420.0
"""Seconds in which everything that fires has resolved."""
HELD = 60.0
WANDERS = 250.0


def play(
    twin: Twin, lives: Iterable[Life], seconds: float, interval: float = 5.0, scrape_every: int = 1
) -> None:
    """Let runs live all at once, polled at every tick."""
    runs = list(lives)
    for tick in range(int(seconds / interval) + 1):
        now = tick * interval
        news = polled(runs, now - interval, now)
        twin.tick(Moment(news), now, scraped=tick % scrape_every == 0)


def differences(twin: Twin, folder: Path) -> list[str]:
    """Return where Prometheus disagrees with the daemon, as promtool finds."""
    return judge(folder, {"generated": twin.case()})["generated"].differences


def test_recorded_runs(tmp_path: Path) -> None:
    twin = Twin(SETTINGS, tmp_path)
    play(twin, map(Life.recorded, recording_names()), 250 + AFTERWARDS)
    assert differences(twin, tmp_path) == []
    assert len(twin.fired) > 8


def test_recorded_runs_of_which_every_breach_lasts_for_a_tick(tmp_path: Path) -> None:
    """A breach that is over before the next scrape is still seen: it is held."""
    twin = Twin(SETTINGS, tmp_path, interval=30.0)
    play(twin, map(Life.recorded, recording_names()), 270 + AFTERWARDS, scrape_every=6)
    assert differences(twin, tmp_path) == []
    assert len(twin.fired) > 8


def test_a_killed_run(tmp_path: Path) -> None:
    twin = Twin(SETTINGS, tmp_path, interval=30.0)
    play(twin, [Life.recorded("killed")], 4200, interval=30.0)
    assert differences(twin, tmp_path) == []
    assert "run_stalled" in twin.fired


def test_a_tracking_server_that_is_down_for_long(tmp_path: Path) -> None:
    """What is known stays so meanwhile; the outage itself becomes critical after half an hour."""
    thresholds = Thresholds(max_training_time_hours=0.5)
    twin = Twin(AlertSettings(thresholds=thresholds), tmp_path, interval=30.0)
    life = Life.of("long")
    for step in range(200):
        life.log(30.0 * step, step, loss=1.0 + 1e-6 * step)
    heard = -1.0
    for tick in range(240):
        now = 30.0 * tick
        up = not 1_830 <= now < 4_500
        news = polled([life], heard, now) if up else ()
        heard = now if up else heard
        twin.tick(Moment(news, sources=(replace(ANSWERS[0], up=up),)), now)
    assert differences(twin, tmp_path) == []
    assert ("source_down", "critical") in {(t.key.rule, t.severity.value) for t in twin.told}
    assert "training_time_exceeded" in twin.fired


def wandering(seed: int, pauses: Sequence[float]) -> Life:
    """Log what nobody would plan: jumps, NaN, evaluations, epochs, rewinds, equal steps, an end."""
    chance = random.Random(seed)  # noqa: S311 - histories, no secrets
    life = Life.of(f"wandering-{seed}", gradient_accumulation_steps="1")
    step, at, loss, best = 0, 0.0, 2.0, 2.0
    while at < WANDERS:
        at += chance.choice(pauses)
        step += chance.choice((1, 1, 1, 1, 1, 1, 0)) if chance.random() > 0.01 else -min(step, 5)
        loss = max(1e-3, loss * chance.choice((0.9, 0.97, 1.0, 1.0, 1.03, 1.3, 1.0, 0.5, 3.0)))
        shown = chance.choice((math.nan, math.inf)) if chance.random() < 0.02 else loss
        life.log(at, step, loss=shown, grad_norm=chance.uniform(0.5, 2.0), epoch=step / 20)
        if chance.random() < 0.2:
            best *= chance.choice((0.9, 1.0, 1.05, 1.1))
            life.log(at, step, eval_loss=best, eval_code_loss=best + chance.choice((0.0, 0.2)))
    statuses: tuple[RunStatus, ...] = ("RUNNING", "FINISHED", "FAILED", "KILLED")
    status = chance.choice(statuses)
    return life if status == "RUNNING" else life.end(at, status)


TUNINGS: Mapping[str, Mapping[str, object]] = {
    "as they are": {},
    "short": {"keep_firing_for": "20s"},
    "at once": {"keep_firing_for": "0s"},
    "patient": {"for": "40s"},
    "patient and short": {"for": "15s", "keep_firing_for": "1m"},
    "graver": {"severity": "critical", "for": "5s", "keep_firing_for": "7m"},
}


@pytest.mark.parametrize("tuning", TUNINGS)
def test_runs_that_do_anything(tmp_path: Path, tuning: str) -> None:
    patient = "for" in TUNINGS[tuning]
    tuned = [r.name for r in RULES.values() if r.about == "run" and not (patient and r.event)]
    rules = dict.fromkeys(tuned, TUNINGS[tuning])
    rules["loss_increase"] = {**TUNINGS[tuning], "baseline": "previous"}
    settings = AlertSettings(thresholds=USER_THRESHOLDS, rules=Rules.model_validate(rules))
    twin = Twin(settings, tmp_path)
    # A breach that ceases and begins anew between two scrapes waits anew in the daemon alone.
    pauses = (5.0, 10.0, 20.0) if patient else (0.5, 2.0, 5.0, 20.0)
    play(twin, (wandering(seed, pauses) for seed in range(5)), WANDERS + AFTERWARDS)
    assert differences(twin, tmp_path) == []
    assert len(twin.fired) >= 5
    assert all(0 <= lag <= HELD for lag in twin.lags)
