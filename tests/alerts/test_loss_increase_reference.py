"""The rise of the training loss, judged incrementally, equals its definition at every point."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.history.roles import as_logged
from alerts.replay import read_recording
from alerts.rules import loss_increase
from tests.support import reference
from tests.support.histories import Trace, answers, limits
from tests.support.recordings import recording_names, recording_path


def judged(losses: list[float], threshold: float = 20.0) -> list[reference.Answer]:
    """Return what the rule answers at each loss."""
    trace = Trace().train(losses)
    return [
        reference.Answer(v.outcome.value, v.value, v.evidence.get("window_points"))  # type: ignore[arg-type]  # evidence may be text, this one is not
        for _, v in answers(loss_increase.judge, trace, limits(max_loss_increase_pct=threshold))
    ]


def assert_as_defined(losses: list[float], threshold: float, every: int) -> None:
    """Compare at every so many losses: the definition looks at everything each time."""
    found = judged(losses, threshold)
    asked = range(0, len(losses), every)
    assert [found[n] for n in asked] == [
        reference.answer(losses[: n + 1], threshold) for n in asked
    ]


@pytest.mark.parametrize("name", recording_names())
def test_on_recorded_losses(name: str) -> None:
    logged = [(p.metric, as_logged(p.value)) for p in read_recording(recording_path(name)).points]
    losses = [loss for metric, loss in logged if metric == "loss" and 0 < loss < math.inf]
    assert_as_defined(losses, 20.0, every=3)


SHAPES: dict[str, Callable[[int], float]] = {
    "flat": lambda _: 2.0,
    "falls": lambda n: 1 + math.exp(-n / 40),
    "steps up": lambda n: 1.0 if n < 120 else 1.4,
    "creeps up": lambda n: 1 + n / 400,
    "spikes": lambda n: 8.0 if n % 50 == 30 else 1.0,
}


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.05, 0.12, 0.3])
@pytest.mark.parametrize("shape", SHAPES)
def test_on_noisy_curves(shape: str, noise: float) -> None:
    curve = random.Random(f"{shape} {noise}")  # noqa: S311 - noise, not secrets
    losses = [SHAPES[shape](n) * math.exp(curve.gauss(0, noise)) for n in range(230)]
    assert_as_defined(losses, 20.0, every=7)


@given(
    st.lists(st.floats(1e-300, 1e300), max_size=50),
    st.sampled_from([0.0, 5.0, 20.0, 400.0]),
)
def test_on_any_losses(losses: list[float], threshold: float) -> None:
    assert_as_defined(losses, threshold, every=4)
