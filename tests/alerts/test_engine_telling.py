"""The engine decides who is told when: inhibition and mutes as of now, repeats with new values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alerts import keeper as keeper_module
from alerts.model import RunFacts, RunUpdate
from alerts.notify import Match
from alerts.thresholds import AlertSettings, GpuTuning, Rules, Thresholds
from tests.support.engine import (
    MLFLOW_DOWN,
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
from tests.support.notices import NOW

HOUR = 3600.0
RISING = losses(1.0, 1.1, 1.2, 1.3, 1.4, metric="eval_loss")


def without_wait(**tuning: object) -> AlertSettings:
    """Return settings by which a full memory is told at once."""
    gpu = GpuTuning.model_validate({"for": 0.0, **tuning})
    return SETTINGS.model_copy(update={"rules": Rules(gpu_memory_high=gpu)})


IGNORING = without_wait(ignore=["GPU-9*", "lab-*"])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


@pytest.fixture
def station(state: Path) -> Iterator[Station]:
    """Return a station that tells of two rules alone, so that a test sees what it is about."""
    running = Station(state, SETTINGS.model_copy(update={"thresholds": ONLY_RISES}))
    running.chat.match = Match(rules=("eval_loss_rising", "nonfinite"))
    running.tick()
    yield running
    running.store.close()


ONLY_RISES = Thresholds(max_val_loss_increase=3)


def finite(first: int, count: int, at: float) -> tuple[RunUpdate, ...]:
    return (news(losses(*[1.0] * count, step=first, at=at, every=1.0)),)


def rules(station: Station) -> set[str]:
    """Return the rules that the messages sent now are about."""
    before = len(station.chat.messages)
    station.deliver()
    texts = "\n".join(message.text for message in station.chat.messages[before:])
    return {rule for rule in ("eval_loss_rising", "nonfinite") if f"{rule} ·" in texts}


def test_what_was_inhibited_is_told_when_its_inhibitor_ends(station: Station) -> None:
    inhibited = {t.key.rule: t.inhibited_by for t in station.tick(news((*RISING, *losses(NAN))))}
    assert inhibited["eval_loss_rising"] == "nonfinite"
    assert rules(station) == {"nonfinite"}
    station.tick(after=1)
    station.restart()
    station.tick(after=10)
    assert rules(station) == set(), "nor after a restart"
    station.tick(*finite(6, 25, station.now), after=60)
    assert rules(station) == set(), "as long as the inhibitor is kept up"
    station.wait(330)
    assert rules(station) == {"nonfinite", "eval_loss_rising"}
    by_rule = {v.alert.key.rule: v.alert for v in station.engine.view(station.now).alerts}
    assert by_rule["eval_loss_rising"].inhibited_by is None
    station.wait(HOUR)
    assert rules(station) == set()


def test_what_ends_while_it_is_inhibited_is_never_told(station: Station) -> None:
    station.tick(news((*RISING, *losses(NAN))))
    station.deliver()
    ended = run_facts(status="FINISHED", ended_at=NOW + 600)
    station.tick(news((), ended), after=600)
    assert rules(station) == {"nonfinite"}


def test_an_inhibitor_that_comes_before_the_message_went_withholds_it(station: Station) -> None:
    station.chat.name = "chat"
    station.tick(news(RISING))
    station.tick(news(losses(NAN, step=9, at=NOW + 700)), after=1)
    assert rules(station) == {"nonfinite"}


def muted(tag: str, **changes: Any) -> RunFacts:  # noqa: ANN401 - any field
    return run_facts(tags={"tunewatch.mute": tag}, **changes)


@pytest.mark.parametrize("tag", ["eval_loss_rising", "all"])
def test_a_muted_alert_is_shown_and_not_told_until_it_is_unmuted(
    station: Station, tag: str
) -> None:
    changed = station.tick(news(RISING, muted(tag)))
    assert ("eval_loss_rising", "firing", None) in told(changed), "judged all the same"
    assert rules(station) == set()
    shown = {v.alert.key.rule: v.muted for v in station.engine.view(station.now).alerts}
    assert shown["eval_loss_rising"]
    station.restart()
    station.wait(600)
    assert rules(station) == set()
    station.tick(news((), run_facts(), moved=False), after=30)
    assert rules(station) == {"eval_loss_rising"}


def test_a_mute_that_comes_late_ends_the_repeats_not_the_end(station: Station) -> None:
    station.tick(news(RISING))
    assert rules(station) == {"eval_loss_rising"}
    station.tick(news((), muted("all"), moved=False), after=60)
    station.wait(40 * HOUR, every=600.0, sources=(MLFLOW_DOWN,))
    assert "eval_loss_rising" not in rules(station)
    ended = muted("all", status="FINISHED", ended_at=station.now)
    station.tick(news((), ended), after=60)
    assert any("RESOLVED" in m.title or "resolved" in m.text.lower() for m in station.deliver())


def test_a_repeat_tells_the_value_of_then(station: Station) -> None:
    station.tick(news(RISING))
    station.deliver()
    more = losses(1.5, 1.6, 1.7, step=6, at=NOW + 400, metric="eval_loss")
    station.tick(news(more), after=400)
    assert rules(station) == set()
    station.wait(12 * HOUR, every=600.0, sources=(MLFLOW_DOWN,))
    repeated = [m for m in station.deliver() if "eval loss rising" in m.title]
    assert len(repeated) == 1
    assert "STILL" in repeated[0].title
    assert "7" in repeated[0].text


@pytest.mark.parametrize(
    ("uuid", "node", "judged"),
    [("GPU-1", "node-1", True), ("GPU-91", "node-1", False), ("GPU-1", "lab-3", False)],
)
def test_gpus_and_nodes_can_be_ignored(state: Path, uuid: str, node: str, *, judged: bool) -> None:
    station = Station(state, IGNORING)
    gpu = replace(memory(99, NOW, uuid), node=node)
    assert bool(station.tick(gpus=(gpu,))) is judged
    station.store.close()


def test_a_gpu_that_is_ignored_from_now_on_fires_no_more(state: Path) -> None:
    station = Station(state, without_wait())
    station.tick(gpus=(memory(99, NOW, "GPU-91"),))
    assert len(station.deliver()) == 1
    station.engine.reconfigure(IGNORING, station.now)
    station.tick(gpus=(memory(99, NOW, "GPU-91"),), after=2)
    (message,) = station.deliver()
    assert message.kind.resolves
    assert station.tick(gpus=(memory(99, NOW, "GPU-91"),), after=2) == []
    station.store.close()


def test_a_channel_hears_of_its_experiments_alone(state: Path) -> None:
    station = Station(state)
    station.chat.match = Match(experiments=("support-*",))
    station.tick(
        news(losses(NAN)),
        news(losses(NAN), run_facts("run-2", experiment="other")),
        gpus=(memory(99, NOW),),
    )
    assert said(station.deliver()) == ["firing: nonfinite · name of run-1 · #1"]
    station.store.close()


def test_a_state_that_grows_too_large_counts_instead_of_telling(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = Station(state)
    station.chat.match = Match(rules=("eval_loss_rising",))
    station.tick()
    assert station.engine.view(station.now).state_bytes == state.stat().st_size
    for number in range(40):
        station.tick(news(RISING, run_facts(f"run-{number}")))
    before = state.stat().st_size
    limit = before - 100
    monkeypatch.setattr(keeper_module, "STATE_LIMIT", limit)
    monkeypatch.setattr(keeper_module, "ROWS_LIMIT", 1000)
    station.tick(after=61)
    station.tick(after=1)
    assert state.stat().st_size < limit
    document = json.loads(state.read_text())
    assert len(document["outbox"]["rows"]) < 5
    assert len(station.engine.view(station.now).runs) == 40, "what is judged stays"
    (message,) = station.deliver()
    assert "40" in message.title + message.text
    assert station.deliver() == []
    station.store.close()


def test_a_state_that_histories_make_large_does_not_hush_anybody(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = Station(state)
    for number in range(10):
        station.tick(news(losses(*[1.0] * 300), run_facts(f"run-{number}")))
    monkeypatch.setattr(keeper_module, "STATE_LIMIT", state.stat().st_size // 2)
    station.tick(news(RISING, run_facts("run-1")))
    station.tick(after=61)
    station.tick(after=1)
    (message,) = station.deliver()
    assert message.title == "WARNING: eval loss rising and 2 more, name of run-1"
    station.store.close()
