"""However the points of a run are handed out, the same is told of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from alerts.model import MetricPoint, RunFacts
from alerts.replay import read_recording
from tests.support.histories import (
    EVERYTHING,
    INF,
    NAN,
    START,
    TRAINER,
    Daemon,
    instants,
    remembered,
    run_facts,
)
from tests.support.recordings import recording_names, recording_path

QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
"""No shrinking: it takes minutes, and whoever meets a failure can ask for it."""
LARGEST = 1.7976931348623157e308
USUAL = [1.0, 1.0, 1.0, 0.9, 1.1, 1.2, 1.5, 3.0, 9.0, 0.5]
ODD = [0.001, 0.0, -1.0, 1e308, 5e-324, LARGEST, NAN, INF, -INF]
VALUES = st.sampled_from(USUAL) | st.sampled_from(USUAL) | st.sampled_from(ODD)
FREQUENT = ["loss", "loss", "loss", "grad_norm", "eval_loss", "eval_qa_loss", "epoch"]
RARE = ["train_loss", "train_runtime", "train/loss", "val_loss", "system/gpu", "learning_rate"]
METRICS = st.sampled_from([*FREQUENT, *RARE])
PARAMS = st.sampled_from(
    [{}, TRAINER, {**TRAINER, "fp16": "True"}, {**TRAINER, "gradient_accumulation_steps": "2"}]
)
LOGGED = st.tuples(
    st.sampled_from([1, 1, 1, 1, 10, 0, 0, -3, -20]),  # steps onward
    st.sampled_from([10.0, 10.0, 10.0, 0.0, 700.0]),  # seconds onward
    st.dictionaries(METRICS, VALUES, min_size=1, max_size=4),
)


Logged = tuple[int, float, dict[str, float]]
"""Steps onward, seconds onward, and values logged together."""
CALM: list[Logged] = [(1, 10.0, {"loss": 1.0, "grad_norm": 1.0})] * 12
CLIMB: list[Logged] = [(1, 10.0, {"loss": 1.0, "eval_loss": 1 + n / 10}) for n in range(5)]
STRETCHES = st.one_of(
    st.just(CALM),
    st.just(CLIMB),
    st.lists(LOGGED, min_size=1, max_size=8),
    st.lists(LOGGED, min_size=1, max_size=8),
)


@st.composite
def runs(draw: st.DrawFn) -> list[MetricPoint]:
    """Draw the points of a run: repeated steps, resumptions, ties, NaN, or no steps at all."""
    counts_steps = draw(st.sampled_from([True, True, True, False]))
    per_epoch = draw(st.sampled_from([0, 4, 10]))
    step, time, points = 0, START, dict[tuple[str, int, float], MetricPoint]()
    for onward, seconds, values in chain(*draw(st.lists(STRETCHES, max_size=8))):
        step, time = step + onward * counts_steps, time + seconds
        epoch = {"epoch": step / per_epoch} if per_epoch else {}
        for name, value in {**epoch, **values}.items():
            # Two values of one step at one time have no order.
            points[name, step, time] = MetricPoint(name, step, time, value)
    return list(points.values())


def told(daemon: Daemon) -> list[str]:
    """Return everything that was told, to the last digit (NaN compares by its name)."""
    return [repr(transition) for transition in daemon.told]


def document(daemon: Daemon) -> str:
    return json.dumps(daemon.watch.to_document())


def fed_by_instants(facts: RunFacts, points: Sequence[MetricPoint]) -> Daemon:
    daemon = Daemon(EVERYTHING, facts)
    for together in instants(points):
        daemon.feed(together)
    return daemon


def fed_in_pieces(facts: RunFacts, points: Sequence[MetricPoint], pieces: st.DataObject) -> Daemon:
    """Hand out points in updates of any size, some of them again, across restarts."""
    daemon, due, before = Daemon(EVERYTHING, facts), list(instants(points)), list[MetricPoint]()
    while due:
        size = pieces.draw(st.integers(1, 30))
        cut = [point for together in due[:size] for point in together]
        overlap = before[len(before) - pieces.draw(st.integers(0, min(60, len(before)))) :]
        daemon.feed(pieces.draw(st.permutations(overlap + cut)) if len(cut) < 9 else overlap + cut)
        before += cut
        due = due[size:]
        if pieces.draw(st.booleans()):
            daemon.restart()
    return daemon


def end(daemon: Daemon) -> Daemon:
    daemon.now += 10_000
    daemon.end()
    return daemon


@settings(phases=QUICK)
@given(runs(), PARAMS, st.data())
def test_synthetic_runs(
    points: list[MetricPoint], params: dict[str, str], data: st.DataObject
) -> None:
    facts = run_facts(params=params)
    one, other = fed_by_instants(facts, points), fed_in_pieces(facts, points, data)
    assert told(other) == told(one)
    assert document(other) == document(one)
    assert told(end(other)) == told(end(one))
    assert remembered(other.watch.history) == remembered(one.watch.history)


def recorded(name: str) -> tuple[RunFacts, Sequence[MetricPoint]]:
    """Return a recorded run as it was while it ran."""
    found = read_recording(recording_path(name))
    return replace(found.facts, status="RUNNING", ended_at=None), found.points


@pytest.mark.parametrize("name", recording_names())
@settings(max_examples=5, phases=QUICK)
@given(data=st.data())
def test_recorded_runs(name: str, data: st.DataObject) -> None:
    facts, points = recorded(name)
    one, other = fed_by_instants(facts, points), fed_in_pieces(facts, points, data)
    assert told(other) == told(one)
    assert document(other) == document(one)


@pytest.mark.parametrize("name", recording_names())
def test_recorded_runs_read_at_once(name: str) -> None:
    facts, points = recorded(name)
    one, whole = fed_by_instants(facts, points), Daemon(EVERYTHING, facts)
    whole.feed(points)
    assert told(whole) == told(one)
    assert document(whole) == document(one)
