"""Epoch buckets, their means, and when they close."""

from __future__ import annotations

import json

import pytest

from alerts.history.epochs import KEPT, EpochMean, Epochs
from tests.support.histories import INF, NAN, Trace, absorb, history_of, new_history


def closed(trace: Trace, *, at_end: bool = False) -> list[tuple[int, float]]:
    """Return number and mean of the epochs that have closed."""
    history = history_of(trace)
    if at_end:
        history.epochs.close(history.loss)
    return [(epoch.number, epoch.mean) for epoch in history.epochs.closed]


def by_epoch(*logged: tuple[float, float]) -> Trace:
    """Log (epoch, loss) at steps 1, 2, ..."""
    trace = Trace()
    for step, (epoch, loss) in enumerate(logged, start=1):
        trace.log(step, loss=loss, epoch=epoch)
    return trace


def test_an_epoch_ends_with_its_point_at_exactly_k() -> None:
    trace = by_epoch((0.5, 5.0), (1.0, 3.0), (1.5, 2.0), (2.0, 1.0))
    assert closed(trace) == [(1, 4.0)]
    assert closed(trace, at_end=True) == [(1, 4.0), (2, 1.5)]


def test_the_least_beyond_k_is_the_next_epoch() -> None:
    assert closed(by_epoch((1.0, 3.0), (1.0000000000000002, 2.0))) == [(1, 3.0)]


@pytest.mark.parametrize("epoch", [0.0, -0.0, -3.0])
def test_what_is_logged_before_the_first_epoch_belongs_to_it(epoch: float) -> None:
    assert closed(by_epoch((epoch, 4.0), (0.5, 2.0), (1.5, 1.0))) == [(1, 3.0)]


def test_epochs_without_a_point_are_passed_over() -> None:
    assert closed(by_epoch((0.5, 4.0), (3.5, 2.0), (4.5, 1.0))) == [(1, 4.0), (4, 2.0)]


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_what_is_not_finite_enters_no_mean(bad: float) -> None:
    assert closed(by_epoch((0.3, bad), (0.6, 2.0), (1.5, bad), (2.5, 1.0))) == [(1, 2.0)]


@pytest.mark.parametrize("bad", [NAN, INF])
def test_an_epoch_that_is_no_number_is_not_logged(bad: float) -> None:
    assert closed(by_epoch((0.5, 2.0), (bad, 4.0), (1.5, 1.0))) == [(1, 3.0)]


def test_the_epoch_is_filled_forward_between_its_records() -> None:
    trace = Trace().log(1, epoch=0.5).log(1, loss=2.0).log(2, loss=4.0)
    trace.log(3, epoch=1.5).log(3, loss=1.0)
    assert closed(trace) == [(1, 3.0)]


def test_an_epoch_that_falls_without_a_rewind_stays_where_it_is() -> None:
    assert closed(by_epoch((0.5, 2.0), (1.5, 4.0), (0.7, 2.0), (2.5, 1.0))) == [(1, 2.0), (2, 3.0)]


def test_a_huge_epoch_does_no_harm() -> None:
    assert closed(by_epoch((0.5, 2.0), (1e308, 4.0))) == [(1, 2.0)]


def test_without_an_epoch_there_are_none_but_by_configuration() -> None:
    trace = Trace().train([3.0, 3.0, 2.0, 2.0, 1.0])
    assert closed(trace) == []
    history = new_history(steps_per_epoch=2)
    absorb(history, trace.points)
    assert [(e.number, e.mean) for e in history.epochs.closed] == [(1, 3.0), (2, 2.0)]


def test_a_mean_is_exact_however_long_the_epoch() -> None:
    trace = by_epoch(*[(0.5, float(n)) for n in range(1, 5_001)], (1.5, 0.0))
    assert closed(trace) == [(1, 2500.5)]


def test_a_run_that_ended_and_goes_on_reopens_its_last_epoch() -> None:
    trace = by_epoch((0.5, 4.0), (1.3, 2.0))
    history = history_of(trace)
    history.epochs.close(history.loss)
    history.epochs.close(history.loss)
    assert [e.number for e in history.epochs.closed] == [1, 2]
    absorb(history, Trace(start=trace.clock).log(3, loss=1.0, epoch=1.6).points)
    assert [e.number for e in history.epochs.closed] == [1]
    absorb(history, Trace(start=trace.clock + 90).log(4, loss=1.0, epoch=2.6).points)
    assert [(e.number, e.mean) for e in history.epochs.closed] == [(1, 4.0), (2, 1.5)]


@pytest.mark.parametrize(
    ("resumed_at", "kept"), [(1, []), (2, []), (3, [1]), (4, [1]), (5, [1, 2]), (6, [1, 2])]
)
def test_a_resumed_run_reopens_the_epoch_that_it_goes_back_to(
    resumed_at: int, kept: list[int]
) -> None:
    trace = by_epoch(
        (0.5, 4.0), (1.0, 4.0), (1.5, 2.0), (2.0, 2.0), (2.5, 1.0), (3.0, 1.0), (3.5, 0.5)
    )
    epochs = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    trace.log(resumed_at, loss=9.0, epoch=epochs[resumed_at - 1])
    assert [number for number, _ in closed(trace)] == kept


def test_a_reopened_epoch_is_the_mean_of_what_is_left_and_what_comes() -> None:
    trace = by_epoch((0.5, 4.0), (1.0, 4.0), (1.5, 2.0), (2.0, 8.0), (2.5, 1.0))
    trace.log(4, loss=4.0, epoch=2.0).log(5, loss=1.0, epoch=2.5)
    assert closed(trace) == [(1, 4.0), (2, 3.0)]


def test_the_first_epoch_is_kept_however_many_follow() -> None:
    trace = by_epoch(*[(float(n), float(n)) for n in range(1, KEPT + 100)])
    epochs = history_of(trace).epochs
    assert len(epochs.closed) == KEPT
    assert epochs.closed[0] == EpochMean(1, 1, 1.0)
    assert epochs.closed[-1].number == KEPT + 98


def test_they_survive_json() -> None:
    epochs = history_of(by_epoch((0.5, 4.0), (1.5, 2.0), (2.5, NAN))).epochs
    again = Epochs.from_document(json.loads(json.dumps(epochs.to_document(), allow_nan=False)))
    assert again.to_document() == epochs.to_document()
    assert again.closed == epochs.closed
