"""Where a rise of the training loss is told, and what is none."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from alerts.model import Severity, Verdict
from alerts.rules import loss_increase
from tests.support.histories import (
    INF,
    NAN,
    Daemon,
    Trace,
    answers,
    breaches,
    fired,
    levels,
    limits,
    outcomes,
    run_facts,
    settings,
)

LITERAL = {"loss_increase": {"baseline": "previous"}}


def judged(
    trace: Trace, rules: dict[str, Any] | None = None, threshold: float = 20.0
) -> list[tuple[int, Verdict]]:
    under = limits(rules, max_loss_increase_pct=threshold)
    return answers(loss_increase.judge, trace, under)


def rises(*losses: float, **how: Any) -> list[int]:  # noqa: ANN401 - as judged
    """Return the steps at which a rise is told of losses logged at steps 1, 2, ..."""
    return breaches(judged(Trace().train(losses), **how))


def last(trace: Trace, **how: Any) -> Verdict:  # noqa: ANN401 - as judged
    return judged(trace, **how)[-1][1]


def gaussian(sigma: float, count: int, seed: int = 0) -> list[float]:
    draw = random.Random(seed)  # noqa: S311 - noise, not secrets
    return [math.exp(draw.gauss(0, sigma)) for _ in range(count)]


# The window


def test_a_lasting_rise_fires_when_the_median_has_crossed() -> None:
    assert rises(*levels((20, 1.0), (3, 1.5)))[0] == 22


@pytest.mark.parametrize("count", [8, 9, 10, 11, 40])
def test_a_rise_by_exactly_the_threshold_is_none(count: int) -> None:
    assert rises(*levels((count, 1.0), (20, 1.2))) == []
    assert rises(*levels((count, 1.0), (20, math.nextafter(1.2, 2)))) != []


@pytest.mark.parametrize("threshold", [0.1, 3.0, 10.0, 33.3, 250.0])
@pytest.mark.parametrize("level", [1.0, 1.03, 1.1, 1.333, 3.5, math.nextafter(1.1, 2)])
def test_the_number_that_is_told_is_the_number_that_is_compared(
    threshold: float, level: float
) -> None:
    found = last(Trace().train(levels((20, 1.0), (3, level))), threshold=threshold)
    assert found.value is not None
    assert (found.outcome == "breach") == (found.value > threshold)


def test_one_spike_is_no_rise() -> None:
    losses = levels((40, 1.0))
    losses[20] = 50.0
    assert rises(*losses) == []


def test_a_dip_of_one_point_does_not_lower_the_baseline() -> None:
    losses = levels((40, 1.0))
    losses[20] = 0.4
    assert rises(*losses) == []


def test_a_slow_rise_is_measured_from_the_best_level() -> None:
    losses = [1 + 0.004 * max(0, n - 20) for n in range(90)]
    assert 70 <= rises(*losses)[0] <= 76


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_smoothed_over_but_a_rise_is_seen_through_it(seed: int) -> None:
    noise = gaussian(0.1, 200, seed)
    assert rises(*noise) == []
    doubled = [x * (2 if n >= 120 else 1) for n, x in enumerate(noise)]
    assert 121 <= rises(*doubled)[0] <= 160


def test_more_noise_than_a_window_can_smooth_is_unknown() -> None:
    trace = Trace().train(gaussian(0.4, 220))
    assert set(outcomes(judged(trace)).values()) == {"unknown"}


def test_too_few_points_for_the_window_are_unknown() -> None:
    flat = outcomes(judged(Trace().train(levels((12, 1.0)))))
    assert [step for step, outcome in flat.items() if outcome == "unknown"] == list(range(1, 10))


def test_it_says_what_was_compared_with_what() -> None:
    trace = Trace()
    for step, loss in enumerate(levels((20, 1.0), (3, 1.5)), start=1):
        trace.log(step * 10, loss=loss, epoch=step / 10)
    found = last(trace)
    assert (found.value, found.threshold, found.severity) == (50.0, 20.0, Severity.WARNING)
    assert found.evidence == {
        "current": 1.5,
        "baseline": 1.0,
        "window_points": 3,
        "baseline_step": 30,
    }
    assert (found.step, found.epoch) == (230, 2.3)
    assert found.summary == "training loss rose 50 % above its best level (1 to 1.5)"


@pytest.mark.parametrize(
    ("level", "severity"),
    [(1.9, Severity.WARNING), (2.0, Severity.WARNING), (2.1, Severity.CRITICAL)],
)
def test_above_five_times_the_threshold_it_is_critical(level: float, severity: Severity) -> None:
    assert last(Trace().train(levels((20, 1.0), (5, level)))).severity is severity


def test_a_rise_of_less_than_the_least_that_matters_is_none() -> None:
    assert rises(*levels((20, 0.01), (20, 0.02))) == []
    assert rises(*levels((20, 0.01), (20, 0.021))) != []
    small = {"loss_increase": {"min_delta": 0}}
    assert rises(*levels((20, 0.0001), (20, 0.00013)), rules=small) != []


def test_a_threshold_of_zero_tells_any_rise_over_a_hundred_points() -> None:
    assert rises(*levels((100, 1.0), (99, 1.02)), threshold=0.0) == []
    assert rises(*levels((100, 1.0), (100, 1.02)), threshold=0.0)[0] == 200


# The fast path


def test_three_points_that_tower_fire_at_the_third() -> None:
    noise = gaussian(0.1, 40)
    assert rises(*noise, 2.9, 2.8, 2.9)[0] == 43


def test_two_points_that_tower_are_a_spike() -> None:
    noise = gaussian(0.1, 40)
    assert rises(*noise, 2.9, 2.9, *gaussian(0.1, 40, 1)) == []


@pytest.mark.parametrize(("level", "told"), [(1.5, []), (math.nextafter(1.5, 2), [15])])
def test_the_fast_path_wants_more_than_half_above_the_best_level(
    level: float, told: list[int]
) -> None:
    # With these three the noise asks for more points than there are.
    losses = [1.0, 1.06, 0.95, 1.05, 1.0, 1.0, 1.0, 1.06, 1.05, 1.0, 0.95, 1.0]
    assert rises(*losses, level, level, level) == told


def test_no_path_fires_below_the_users_threshold() -> None:
    assert rises(*levels((20, 1.0), (9, 3.9)), threshold=300.0) == []
    assert rises(*levels((20, 1.0), (9, 4.1)), threshold=300.0)[0] in (22, 23)


def test_the_fast_path_does_not_tell_what_is_too_small_to_matter() -> None:
    assert rises(*levels((20, 0.001), (9, 0.004))) == []


# The first points


def test_before_six_points_nothing_is_said() -> None:
    assert outcomes(judged(Trace().train([1.0, 1.0, 9.0, 9.0, 9.0]))) == dict.fromkeys(
        range(1, 6), "unknown"
    )


def test_from_six_points_on_three_above_the_lowest_three_neighbours_fire() -> None:
    assert rises(2.0, 1.5, 1.2, 1.6, 1.6, 1.7) == []
    assert rises(1.5, 1.2, 1.3, 1.2, 2.6, 2.6, 2.7) == [7]
    assert rises(1.0, 1.0, 1.0, 2.6, 2.6, 2.6) == [6]
    assert rises(1.5, 1.2, 1.3, 1.2, 2.6, 2.6, 1.3) == []


def test_two_points_an_epoch_are_compared_one_by_one() -> None:
    trace = Trace()
    for step, loss in enumerate([1.0, 1.2, 1.25, 1.6], start=1):
        trace.log(step, loss=loss, epoch=step / 2)
    assert breaches(judged(trace)) == [4]
    denser = Trace()
    for step, loss in enumerate([1.0, 1.2, 1.25, 1.6], start=1):
        denser.log(step, loss=loss, epoch=step / 2.1)
    assert breaches(judged(denser)) == []


def test_from_ten_points_on_epochs_do_not_matter() -> None:
    trace = Trace()
    for step, loss in enumerate([*levels((10, 1.0)), 1.5], start=1):
        trace.log(step, loss=loss, epoch=float(step))
    assert breaches(judged(trace)) == []


# The literal rule


@pytest.mark.parametrize(
    ("losses", "told"),
    [
        ([1.0, 1.2], []),
        ([1.0, math.nextafter(1.2, 2)], [2]),
        ([1.0, 1.3, 1.3, 1.5], [2]),
        ([2.0, NAN, 3.0], [3]),
        ([0.001, 0.01], []),
    ],
)
def test_who_wants_it_gets_each_point_against_the_one_before(
    losses: list[float], told: list[int]
) -> None:
    assert rises(*losses, rules=LITERAL) == told


def test_the_literal_rule_is_not_vouched_for() -> None:
    trace = Trace().log(1, loss=1.0).log(2, loss=2.0, eval_loss=1.0)
    assert breaches(judged(trace, rules=LITERAL)) == [2]


# Validation vouches


def risen(evaluations: dict[int, float]) -> Trace:
    """Log a rise at steps 21 to 26, with evaluations of one set or two."""
    trace = Trace()
    for step, loss in enumerate(levels((20, 1.0), (6, 1.5)), start=1):
        values = {"loss": loss}
        if step in evaluations:
            values["eval_loss"] = evaluations[step]
        trace.log(step, values)
    return trace


@pytest.mark.parametrize(
    ("evaluations", "told"),
    [
        ({}, [22, 23, 24, 25, 26]),
        ({10: 2.0, 22: 2.0}, [25, 26]),
        ({10: 2.0, 22: 2.02}, [25, 26]),
        ({10: 2.0, 22: 2.03}, [22, 23, 24, 25, 26]),
        ({10: 2.0, 22: 1.0}, [25, 26]),
        ({10: 2.0, 19: 2.0}, [22, 23, 24, 25, 26]),
        ({22: NAN}, [22, 23, 24, 25, 26]),
        # The only evaluation is the best one, and says nothing.
        ({22: 2.0}, [22, 23, 24, 25, 26]),
        ({10: -2.0, 22: -2.0}, [25, 26]),
        ({10: -2.0, 22: -1.9}, [22, 23, 24, 25, 26]),
    ],
)
def test_an_evaluation_near_the_best_in_the_window_clears_it(
    evaluations: dict[int, float], told: list[int]
) -> None:
    assert breaches(judged(risen(evaluations))) == told


def test_every_set_evaluated_in_the_window_must_vouch() -> None:
    trace = risen({}).log(26, eval_a_loss=2.0, eval_b_loss=2.0)
    better = trace.log(27, {"loss": 1.5, "eval_a_loss": 2.0, "eval_b_loss": 2.0})
    assert last(better).outcome == "clear"
    worse = trace.log(28, {"loss": 1.5, "eval_a_loss": 2.0, "eval_b_loss": 2.1})
    assert last(worse).outcome == "breach"


# What is no number to compare


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_what_is_not_finite_enters_no_window(bad: float) -> None:
    clean = levels((20, 1.0), (6, 1.5))
    dirty = [x for loss in clean for x in (loss, bad)]
    assert breaches(judged(Trace().train(clean)))[0] == 22
    assert breaches(judged(Trace().train(dirty)))[0] == 43
    assert set(outcomes(judged(Trace().train([bad] * 9))).values()) == {"unknown"}


@pytest.mark.parametrize("low", [0.0, -0.0, -1.0])
def test_a_loss_of_zero_or_less_is_not_for_this_rule(low: float) -> None:
    trace = Trace().train([*levels((20, 1.0)), low, *levels((20, 9.0))])
    found = outcomes(judged(trace))
    assert {found[step] for step in range(21, 42)} == {"not_applicable"}


def test_a_level_of_zero_is_no_baseline_even_when_it_is_long_gone() -> None:
    trace = Trace().train(levels((20, 1.0), (20, 0.0), (400, 1.0)))
    assert set(outcomes(judged(trace)).values()) == {"unknown", "clear", "not_applicable"}
    assert last(trace).outcome == "not_applicable"


@pytest.mark.parametrize("losses", [[5e-324] * 12 + [1.7e308] * 9, [1e308, 1e-308] * 30])
def test_extremes_of_a_double_are_judged(losses: list[float]) -> None:
    assert judged(Trace().train(losses))


def test_a_resumed_run_needs_fresh_points() -> None:
    trace = Trace().train(levels((40, 1.0)))
    resumed = trace.train(levels((9, 1.6)), first=31)
    assert breaches(judged(resumed)) == []
    assert breaches(judged(resumed.train(levels((12, 2.1)), first=40)))[0] == 41


def test_without_a_threshold_it_says_nothing() -> None:
    trace = Trace().train(levels((20, 1.0), (9, 9.0)))
    assert answers(loss_increase.judge, trace, limits(max_loss_increase_pct=None)) == []


def test_it_fires_once_and_tells_when_it_gets_critical() -> None:
    daemon = Daemon(settings(), run_facts())
    daemon.feed(Trace().train(levels((20, 1.0), (6, 1.5), (6, 3.0))).points)
    told = [(t.step, t.severity.value, t.episode) for t in daemon.told]
    assert told == [(22, "warning", 1), (28, "critical", 1)]
    assert fired(daemon.told) == [22, 28]
