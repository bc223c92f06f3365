"""When a source that cannot be read is worth telling."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.model import SourceObservation
from alerts.rules.source import judge
from tests.support.histories import START

DOWN = SourceObservation("mlflow", "", up=False, expected=True, reason="connection refused")


@pytest.mark.parametrize(
    ("seconds", "severity"), [(0.0, "warning"), (1799.875, "warning"), (1800.0, "critical")]
)
def test_it_gets_critical_after_half_an_hour(seconds: float, severity: str) -> None:
    found = judge(DOWN, START, START + seconds)
    assert found is not None
    assert (found.outcome, found.severity, found.value) == ("breach", severity, seconds)


def test_it_says_which_for_how_long_and_why() -> None:
    found = judge(DOWN, START, START + 600)
    assert found is not None
    assert found.summary == "mlflow has been down for 10 min: connection refused"
    silent = judge(replace(DOWN, source="nvml", node="node-1", reason=""), START, START + 600)
    assert silent is not None
    assert silent.summary == "nvml on node-1 has been down for 10 min"


def test_one_that_answers_is_clear() -> None:
    found = judge(replace(DOWN, up=True), None, START)
    assert found is not None
    assert found.outcome == "clear"


@pytest.mark.parametrize("up", [True, False])
def test_one_that_was_never_expected_is_not_judged(*, up: bool) -> None:
    assert judge(replace(DOWN, expected=False, up=up), START, START + 9_000) is None
