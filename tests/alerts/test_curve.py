"""The whole training curve, thinned."""

from __future__ import annotations

import json

import pytest

from alerts.history.curve import MOST, Curve


def curve_of(count: int) -> Curve:
    curve = Curve()
    for step in range(count):
        curve.push(step, float(step))
    return curve


@pytest.mark.parametrize("count", [0, 1, MOST - 1, MOST, MOST + 1, 1_000, 100_000])
def test_it_keeps_even_strides_of_the_whole(count: int) -> None:
    curve = curve_of(count)
    assert len(curve.values) <= MOST
    assert len(curve.values) > MOST // 2 or curve.stride == 1
    assert curve.steps == list(range(0, count, curve.stride))
    assert curve.values == pytest.approx([float(step) for step in curve.steps], rel=1e-3)


@pytest.mark.parametrize("count", [1, 2, 7, 255, 256, 257, 258, 600])
def test_a_step_that_is_logged_again_is_one_point(count: int) -> None:
    once, twice = Curve(), Curve()
    for step in range(count):
        once.push(step, float(step))
        twice.push(step, -1.0)
        twice = Curve.from_document(json.loads(json.dumps(twice.to_document())))
        twice.push(step, float(step))
    assert twice.to_document() == once.to_document()


@pytest.mark.parametrize("count", [10, 300, 1_100])
@pytest.mark.parametrize("at", [0, 1, 7, 256, 5_000])
def test_a_resumed_run_goes_on_from_what_is_left(count: int, at: int) -> None:
    curve = curve_of(count)
    curve.truncate(at)
    assert all(step < at for step in curve.steps)
    for step in range(at, at + 50):
        curve.push(step, 0.0)
    assert curve.steps == sorted(set(curve.steps))


@pytest.mark.parametrize("count", [0, 10, 700])
def test_it_goes_on_after_a_restart_as_if_there_had_been_none(count: int) -> None:
    curve = curve_of(count)
    other = Curve.from_document(json.loads(json.dumps(curve.to_document())))
    for step in range(count, count + 400):
        curve.push(step, 1.0)
        other.push(step, 1.0)
    assert other.to_document() == curve.to_document()
