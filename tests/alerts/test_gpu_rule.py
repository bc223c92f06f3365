"""How full the memory of a GPU may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alerts.history.gpu import GpuHistory
from alerts.model import GpuObservation, Severity, Verdict
from alerts.rules.gpu import judge_memory
from alerts.thresholds import Limits
from tests.support.histories import START, limits

GIB = 2**30
GPU = GpuObservation("GPU-1", 3, "node-1", 90 * GIB, 100 * GIB, START)


def judged(under: Limits | None = None, **changes: Any) -> Verdict | None:  # noqa: ANN401 - any field
    """Judge the memory of that GPU with `changes`."""
    return judge_memory(GpuHistory(replace(GPU, **changes)), under or limits())


@pytest.mark.parametrize(
    ("used", "total", "outcome"),
    [
        (95 * GIB, 100 * GIB, "clear"),
        (95 * GIB + 1, 100 * GIB, "breach"),
        (95 * GIB - 1, 100 * GIB, "clear"),
        (0, 100 * GIB, "clear"),
        (100 * GIB, 100 * GIB, "breach"),
        (101 * GIB, 100 * GIB, "breach"),
        (19, 20, "clear"),
    ],
)
def test_it_is_told_above_the_threshold(used: int, total: int, outcome: str) -> None:
    found = judged(memory_used_bytes=used, memory_total_bytes=total)
    assert found is not None
    assert found.outcome == outcome
    assert found.value == 100 * used / total
    assert found.severity is Severity.WARNING


def test_it_says_which_gpu() -> None:
    found = judged(memory_used_bytes=96 * GIB)
    assert found is not None
    assert found.summary == "memory of GPU 3 on node-1 is 96.0 % full"
    assert found.evidence == {"gpu": 3, "node": "node-1"}


def test_a_threshold_of_zero_is_one() -> None:
    under = limits(max_gpu_memory_pct=0.0)
    empty = judged(under, memory_used_bytes=0)
    used = judged(under, memory_used_bytes=1)
    assert (empty and empty.outcome, used and used.outcome) == ("clear", "breach")


@pytest.mark.parametrize("total", [0, -1, None])
def test_a_gpu_without_memory_of_its_own_is_not_judged(total: int | None) -> None:
    assert judged(memory_total_bytes=total) is None


def test_without_a_threshold_it_says_nothing() -> None:
    assert judged(limits(max_gpu_memory_pct=None)) is None
