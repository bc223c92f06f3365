"""What a person says who looks at the curves of recorded runs, `tunewatch replay` says too."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from alerts.model import Severity, Transition
from alerts.replay import Recording, read_recording, replay
from alerts.replay.view import json_line
from alerts.rules import RULES
from alerts.thresholds import LimitBook
from tests.support.golden import assert_golden
from tests.support.histories import EVERYTHING
from tests.support.recordings import recording_names, recording_path

GOLDEN = Path(__file__).parent / "golden" / "replay.jsonl"
BOOK = LimitBook(EVERYTHING)


def load(name: str) -> Recording:
    return read_recording(recording_path(name))


@cache
def told(name: str) -> tuple[Transition, ...]:
    return tuple(replay(load(name), BOOK))


def fired(name: str) -> list[Transition]:
    return [transition for transition in told(name) if transition.state == "firing"]


class Expected(NamedTuple):
    """Rules with the steps within which they must fire, and rules that must not fire anywhere."""

    must: dict[str, tuple[int, int]]
    must_not: frozenset[str]
    no_critical: bool = False


def at(step: int) -> tuple[int, int]:
    return (step, step)


def rules(*names: str) -> frozenset[str]:
    assert RULES.keys() >= {*names}
    return frozenset(names)


ANYWHERE = (0, 10**9)
HEALTHY = rules(
    "loss_increase",
    "eval_loss_gap",
    "overfit_onset",
    "unstable",
    "underfit",
    "gradient_exploding",
    "run_incomplete",
)
QUIET = Expected({}, HEALTHY, no_critical=True)
NOTHING = Expected({}, frozenset(RULES))
EXPECTED = {
    "healthy": QUIET,
    "llamafactory-lora-sft": QUIET,
    "evaluate-after-train": QUIET,
    "sassy-robin-579": QUIET,
    "system-metrics": QUIET,
    "two-eval-sets": Expected({}, HEALTHY - {"eval_loss_gap"}, no_critical=True),
    "casual-ant-241": NOTHING,
    "respected-shrew-624": NOTHING,
    "bald-hare-273": NOTHING,
    "overfit": Expected(
        {
            "eval_loss_gap": at(48),
            "overfit_onset": at(120),
            "eval_loss_rising": at(144),
            "overfitting": at(144),
        },
        rules("loss_increase", "nonfinite", "run_incomplete"),
    ),
    "underfit": Expected({"underfit": ANYWHERE}, rules("loss_increase", "nonfinite")),
    "nan-default-filter": Expected({"nonfinite": at(130)}, rules("run_incomplete")),
    "nan-absurd-lr-bf16": Expected({"nonfinite": at(10)}, rules("run_incomplete")),
    "inf-then-nan": Expected({"nonfinite": at(100)}, rules("run_incomplete")),
    "grad-explosion": Expected({"nonfinite": at(40)}, rules("run_incomplete")),
    "diverging": Expected({}, rules("nonfinite")),
    "diverging-warmup": Expected({"loss_increase": (120, 150)}, rules("nonfinite", "plateau")),
    "grad-explosion-adamw": Expected(
        {"loss_increase": ANYWHERE, "gradient_exploding": ANYWHERE}, rules("nonfinite")
    ),
    "diverging-oscillating": Expected({}, rules("nonfinite", "plateau")),
    "plateau": Expected({}, rules("loss_increase", "nonfinite"), no_critical=True),
    "plateau-high": Expected({"plateau": ANYWHERE}, rules("loss_increase"), no_critical=True),
    "killed": Expected({"run_stalled": at(250)}, rules("run_incomplete", "run_failed")),
    "crash": Expected({"run_incomplete": at(210)}, rules("run_failed")),
    "interrupted": Expected({"run_incomplete": at(190)}, rules("run_failed")),
    "crash-with-run": Expected({"run_failed": at(210)}, rules("run_stalled")),
    "resumed": Expected({}, rules("loss_increase", "eval_loss_rising"), no_critical=True),
}


def test_every_recording_has_a_verdict() -> None:
    assert sorted(EXPECTED) == recording_names()


@pytest.mark.parametrize("name", EXPECTED)
def test_it_fires_where_it_must_and_nowhere_else(name: str) -> None:
    expected = EXPECTED[name]
    first: dict[str, int | None] = {}
    for transition in fired(name):
        first.setdefault(transition.key.rule, transition.step)
    for rule, (lowest, highest) in expected.must.items():
        step = first.get(rule)
        assert step is not None, f"{rule} did not fire"
        assert lowest <= step <= highest
    assert not expected.must_not & first.keys()
    if expected.no_critical:
        assert [t.key.rule for t in fired(name) if t.severity is Severity.CRITICAL] == []


def test_evaluations_that_swing_are_a_warning() -> None:
    assert {t.severity for t in fired("diverging-oscillating")} >= {Severity.WARNING}


def test_the_best_evaluation_of_an_overfit_run_is_named() -> None:
    rising = next(t for t in fired("overfit") if t.key.rule == "eval_loss_rising")
    assert (rising.evidence["best_eval_step"], rising.severity) == (72, Severity.WARNING)


def test_the_gap_of_a_set_unlike_the_training_data_is_named_by_its_set() -> None:
    assert {t.key.eval_set for t in fired("two-eval-sets")} <= {"qa"}


@pytest.mark.parametrize("name", ["nan-default-filter", "grad-explosion"])
def test_a_loss_that_the_trainer_disguised_is_seen_by_its_gradient(name: str) -> None:
    (news,) = (t for t in fired(name) if t.key.rule == "nonfinite")
    assert news.evidence == {"metric": "grad_norm"}


def test_a_killed_run_is_told_when_its_silence_is_long_enough() -> None:
    recording = load("killed")
    (news,) = fired("killed")
    last = max(point.time for point in recording.points)
    assert 600 < news.at - last <= 660


@pytest.mark.parametrize("name", recording_names())
def test_a_recording_stretched_to_the_pace_of_real_runs_says_the_same_of_its_curves(
    name: str,
) -> None:
    recording = load(name)
    facts = recording.facts

    def stretched(time: float) -> float:
        return facts.started_at + (time - facts.started_at) * 50

    ended_at = None if facts.ended_at is None else stretched(facts.ended_at)
    points = tuple(point._replace(time=stretched(point.time)) for point in recording.points)
    slow = Recording(replace(facts, ended_at=ended_at), points)
    by_points = {rule.name for rule in RULES.values()} - {"run_stalled"}
    seen = {(t.key, t.step) for t in fired(name) if t.key.rule in by_points and t.episode == 1}
    again = {
        (t.key, t.step)
        for t in replay(slow, BOOK)
        if t.state == "firing" and t.key.rule in by_points and t.episode == 1
    }
    assert seen <= again
    assert {key for key, _ in again} == {key for key, _ in seen}


def test_all_transitions_of_all_recordings_are_as_reviewed() -> None:
    lines = [
        json_line(load(name).facts, transition)
        for name in recording_names()
        for transition in told(name)
    ]
    assert_golden(GOLDEN, "\n".join(lines) + "\n")
