"""A training loss that swings, validation that swings, and a jump that came back."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from alerts.model import Severity, Verdict
from alerts.rules.stability import SPIKE, UNSTABLE, reversals, spike
from alerts.rules.stability import judge_spike as spikes
from alerts.rules.stability import judge_unstable as unstable
from tests.support.histories import Daemon, Trace, answers, breaches, levels, outcomes, settings


def wave(count: int, swing: float, period: int = 8) -> list[float]:
    """Return losses around 1 that swing by `swing` from trough to crest."""
    return [1 + swing / 2 * math.sin(2 * math.pi * n / period) for n in range(count)]


def judged(losses: Sequence[float]) -> list[tuple[int, Verdict]]:
    return answers(unstable, Trace().train(losses))


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ([1.0, 2.0, 1.0, 2.0, 1.0], 3),
        ([1.0, 1.5, 1.0, 2.0], 0),
        ([1.0, 2.0, 3.0, 4.0], 0),
        ([4.0, 3.0, 2.0, 1.0], 0),
        # The first movement is no reversal; a turn counts once it has gone far enough.
        ([1.0, 2.0, 1.5, 1.0, 1.5, 2.0], 2),
        ([1.0], 0),
    ],
)
def test_reversals_of_at_least_one(values: list[float], count: int) -> None:
    assert reversals(values, 1.0) == count


def test_a_wave_is_told_once_six_of_its_swings_are_seen() -> None:
    calm = levels((40, 1.0))
    assert breaches(judged([*calm, *wave(60, 1.2)]))[0] == 66
    assert breaches(judged(wave(60, 1.2)))[0] == 32


@pytest.mark.parametrize("losses", [wave(80, 0.5), levels((80, 1.0)), wave(80, 1.2, period=24)])
def test_small_rare_or_no_swings_are_none(losses: list[float]) -> None:
    assert breaches(judged(losses)) == []


def test_swings_of_a_loss_near_zero_do_not_matter() -> None:
    assert breaches(judged([loss * 0.01 for loss in wave(60, 1.2)])) == []
    assert breaches(judged([loss * 0.02 for loss in wave(60, 1.2)])) != []


@pytest.mark.parametrize("seed", range(10))
def test_noise_alone_is_no_swing(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - noise, not secrets
    assert breaches(judged([math.exp(chance.gauss(0, 0.5)) for _ in range(200)])) == []


def test_it_is_over_after_thirty_quiet_points() -> None:
    found = outcomes(judged([*wave(40, 1.2), *levels((40, 1.0))]))
    assert found[40] == "breach"
    assert found[60] == "unknown"
    assert found[76] == "clear"


def test_it_says_how_often_and_around_which_level() -> None:
    news = judged(wave(40, 1.2))[-1][1]
    assert (news.severity, news.value, news.threshold) == (Severity.WARNING, 6.0, 6.0)
    assert news.summary.startswith("training loss swung 6 times by 40 % or more around 1")


def evaluated(*evals: float) -> Trace:
    trace = Trace()
    for step, loss in enumerate(evals, start=1):
        trace.log(step, loss=1.0).log(step, eval_loss=loss)
    return trace


@pytest.mark.parametrize(
    ("evals", "told"),
    [
        ((136.2, 147.5, 168.3, 108.9, 174.5, 67.0), [6]),
        ((1.0, 1.5, 1.0, 1.5, 1.0), [5]),
        # Near misses: two turns; turns of less than a fifth; one rise and fall of a fault.
        ((1.0, 1.5, 1.0, 1.5), []),
        ((1.0, 1.1, 1.0, 1.1, 1.0, 1.1), []),
        ((3.0, 2.0, 1.0, 5.0, 3.0, 2.0, 1.0), []),
    ],
)
def test_validation_losses_have_no_noise_to_swing_by(
    evals: tuple[float, ...], told: list[int]
) -> None:
    found = answers(unstable, evaluated(*evals))
    assert sorted(set(breaches(found))) == told


def test_a_validation_loss_near_its_best_vouches_for_a_training_loss_that_swings() -> None:
    trace = Trace()
    for step, loss in enumerate(wave(64, 1.2), start=1):
        trace.log(step, loss=loss)
        if step in (10, 30):
            trace.log(step, eval_loss=1.0)
    assert breaches(answers(unstable, trace)) == list(range(60, 65))


# Spikes


BASE = [1.0, 1.02, 0.98, 1.01, 0.99] * 4


@pytest.mark.parametrize(
    ("after", "found"),
    [
        ([3.0, 1.0], (1, 3.0)),
        ([3.0, 5.0, 4.0, 1.0], (3, 5.0)),
        ([3.0] * 5 + [1.0], (5, 3.0)),
        # Near misses: too low, too long, and not over yet.
        ([1.9, 1.0], None),
        ([3.0] * 6 + [1.0], None),
        ([3.0], None),
        ([1.0, 1.0], None),
    ],
)
def test_a_jump_that_came_back_within_five_points(
    after: list[float], found: tuple[int, float] | None
) -> None:
    told = spike([*BASE, *after])
    assert (told and told[:2]) == found


def test_a_jump_must_stand_out_of_the_noise() -> None:
    noisy = [1.0, 1.6, 0.4, 1.5, 0.5] * 4
    assert spike([*noisy, 4.0, 1.0]) is None
    assert spike([*noisy, 6.0, 1.0]) is not None


def test_too_few_points_before_it_say_nothing_of_what_is_usual() -> None:
    assert spike([*BASE[:9], 5.0, 1.0]) is None
    assert spike([*BASE[:10], 5.0, 1.0]) is not None


def test_it_is_told_where_it_was_when_it_is_over() -> None:
    found = answers(spikes, Trace().train([*BASE, 5.0, 6.0, 1.0, 1.0]))
    assert breaches(found) == [23]
    news = dict(found)[23]
    assert (news.severity, news.value, news.step) == (Severity.INFO, 6.0, 21)
    assert news.summary == "training loss spiked to 6 from 1 and recovered"


def test_two_spikes_are_two_events() -> None:
    daemon = Daemon(settings({SPIKE: {"enabled": True}, UNSTABLE: {"enabled": True}}))
    daemon.feed(Trace().train([*BASE, 5.0, *BASE, 5.0, *BASE]).points)
    told = [(t.key.rule, t.step, t.episode, t.event) for t in daemon.told]
    assert told == [(SPIKE, 21, 1, True), (SPIKE, 42, 2, True)]
