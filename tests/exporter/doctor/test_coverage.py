"""What is said never to fire never fires in the real rules, and fires where it is not said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from alerts.thresholds import LimitBook
from exporter.doctor.coverage import _needs
from tests.support.doctoring import ABSENT, examined, training
from tests.support.histories import EVERYTHING, Daemon, Trace, fired

NEEDS = _needs(LimitBook(EVERYTHING).of_fleet())
PER_EPOCH = 80
"""Points of the training loss in an epoch."""


def daemon() -> Daemon:
    return Daemon(EVERYTHING)


def play(losses: Sequence[float], evals: Sequence[float] = (), epochs: float = 1.0) -> list[str]:
    """Log a run with evaluations spread over it, end it, and return the rules that fired."""
    trace, watching = Trace(), daemon()
    after = {round((n + 1) * len(losses) / len(evals)): v for n, v in enumerate(evals)}
    for step, loss in enumerate(losses, start=1):
        trace.log(step, loss=loss, grad_norm=1.0, epoch=epochs * step / len(losses))
        if step in after:
            trace.log(step, eval_loss=after[step], epoch=epochs * step / len(losses))
    watching.follow(trace.close(len(losses)).points)
    watching.end()
    return [t.key.rule for t in watching.told if t.state == "firing"]


def falling(count: int, start: float = 2.0, by: float = 0.9) -> list[float]:
    return [start * by**index for index in range(count)]


def flat(count: int, level: float = 2.0) -> list[float]:
    return [level + 0.0005 * (index % 3) for index in range(count)]


def spiked(count: int) -> list[float]:
    return [1.0 + 0.01 * (index % 2) for index in range(count - 2)] + [9.0, 1.0][: max(0, count)]


EVALUATED = [
    ("eval_loss_rising", lambda n: play(falling(80, by=0.97), [1 + 0.1 * i for i in range(n)])),
    ("eval_loss_gap", lambda n: play(falling(80, by=0.97), [3.0] * n)),
    ("overfitting", lambda n: play(falling(80, by=0.97), [1 + 0.1 * i for i in range(n)])),
    ("plateau", lambda n: play(flat(80), [2.0] * n)),
    ("early_stop", lambda n: play(falling(80, by=0.97), [1.0] * n)),
]


@pytest.mark.parametrize(("rule", "run"), EVALUATED, ids=[name for name, _ in EVALUATED])
def test_a_rule_fires_from_the_number_of_evaluations_that_is_said(rule: str, run: object) -> None:
    assert callable(run)
    needed = NEEDS[rule].evaluations
    assert rule not in run(needed - 1)
    assert rule in run(needed)


def test_overfit_onset_takes_at_least_as_many_evaluations_as_is_said() -> None:
    def run(count: int) -> list[str]:
        return play(falling(120, by=0.97), [1.5, 1.0, *[1.005] * (count - 2)])

    assert "overfit_onset" not in run(NEEDS["overfit_onset"].evaluations - 1)
    assert "overfit_onset" in run(8)


@pytest.mark.parametrize("rule", ["epoch_loss_stall", "fast_fall_plateau"])
def test_a_rule_fires_from_the_number_of_epochs_that_is_said(rule: str) -> None:
    def run(epochs: float) -> list[str]:
        count = int(PER_EPOCH * epochs)
        fast = [2.0, 1.5, 1.2, *flat(count - 3, 1.0)]
        return play(flat(count) if rule == "epoch_loss_stall" else fast, epochs=epochs)

    assert rule not in run(NEEDS[rule].more_epochs_than)
    assert rule in run(NEEDS[rule].more_epochs_than + 1)


def test_rules_fire_from_about_the_number_of_points_that_is_said() -> None:
    for rule, run in {
        "loss_spike": spiked,
        "underfit": flat,
    }.items():
        needed = NEEDS[rule].points
        assert rule not in play(run(needed - 1)), rule
        assert rule in play(run(needed)), rule


number = st.one_of(st.floats(0.001, 100), st.sampled_from([0.0, 1.0, float("nan"), float("inf")]))


@effort(deadline=None, max_examples=25)
@given(st.data(), st.sampled_from(sorted(NEEDS)))
def test_no_curve_whatever_fires_what_cannot(data: st.DataObject, rule: str) -> None:
    needs = NEEDS[rule]
    few = [n for n in ("evaluations", "points", "more_epochs_than") if getattr(needs, n)]
    lacking = data.draw(st.sampled_from(few))
    epochs, points, evaluations = 4.0, 60, 12
    if lacking == "evaluations":
        evaluations = needs.evaluations - 1
    elif lacking == "points":
        points = needs.points - 1
    else:
        epochs = needs.more_epochs_than
    losses = data.draw(st.lists(number, min_size=points, max_size=points))
    evals = data.draw(st.lists(number, min_size=evaluations, max_size=evaluations))
    assert rule not in play(losses, evals if losses else [], epochs)


SAID = [
    ({"num_train_epochs": 1}, "num_train_epochs: 1", "min_loss_decrease_per_epoch, fast_fall_plat"),
    (
        {"num_train_epochs": 2},
        "num_train_epochs: 2",
        "min_loss_decrease_per_epoch, fast_fall_plateau can never fire",
    ),
    (
        {"val_size": 0},
        "val_size: 0",
        "max_val_loss_diff, max_val_loss_increase, plateau, early_sto",
    ),
    ({"eval_strategy": "no"}, "eval_strategy: 'no'", "can never fire: nothing is validated"),
    (
        {"predict_with_generate": True},
        "predict_with_generate: true",
        "no validation loss is computed beside generation",
    ),
    (
        {"max_steps": 150},
        "eval_steps: 50",
        "there are at most 3 evaluations of the 4 that it takes: set 'eval_steps: 18' or less",
    ),
    (
        {"max_steps": 40},
        "eval_steps: 50",
        "the run ends before its first evaluation: set 'eval_steps: 20' or less",
    ),
    # 2 datasets of at most 100 samples, 16 a step, for 3 epochs: 39 steps.
    (
        {"max_samples": 100, "dataset": "a,b", "gradient_accumulation_steps": 8},
        "eval_steps: 50",
        "the run ends before its first evaluation",
    ),
    ({"eval_strategy": "epoch"}, "eval_steps: 50", "there are at most 3 evaluations of the 4"),
    ({"eval_steps": 0.5}, "eval_steps: 0.5", "there are at most 2 evaluations of the 4"),
    ({"eval_delay": 150, "max_steps": 200}, "eval_steps: 50", "at most 2 evaluations of the 4"),
    ({"logging_strategy": "no"}, "logging_steps: 10", "max_loss_increase_pct, gradient_explodin"),
    (
        {"max_steps": 50, "eval_steps": 10},
        "logging_steps: 10",
        "fast_fall_plateau, loss_spike can never fire: the training loss is logged at most 6 times",
    ),
]


@pytest.mark.parametrize(("changes", "line", "words"), SAID, ids=[case[2] for case in SAID])
def test_what_never_fires_is_named_with_its_reason(
    tmp_path: Path, changes: dict[str, object], line: str, words: str
) -> None:
    text = training(**changes)
    lines = text.split("\n")
    found = [one for one in examined(text, tmp_path) if one.check == "never-fires"]
    assert any(words in str(one) and lines[one.remark.place.line - 1] == line for one in found)


@pytest.mark.parametrize(
    "changes",
    [
        {"max_steps": 2_000},
        {"max_steps": 200, "num_train_epochs": 1},
        {"eval_strategy": "epoch", "num_train_epochs": 4, "eval_steps": ABSENT},
        {"eval_steps": 0.25},
        {"eval_on_start": True, "max_steps": 190},
        {"max_samples": 100_000},
    ],
    ids=str,
)
def test_nothing_is_said_where_every_rule_can_fire(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    found = examined(training(**changes), tmp_path)
    assert not [one for one in found if one.check == "never-fires"]


def test_a_daemon_that_sees_nothing_fires_nothing() -> None:
    assert fired(daemon().told) == []
