"""The queries that dashboards are built of, in a real Prometheus's own test runner.

A run's series come from the process that holds the run role; here that changes after two minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from grafana import queries
from grafana.queries import (
    RUN,
    averaged,
    code,
    kept,
    max_by,
    named_gpu,
    named_run,
    newest,
    series,
    smoothed,
)
from grafana.runs import LOSS, duration, logged, progress, remaining
from grafana.words import alert, diagnosis
from tests.support.promtool import Case, judge

WHO = 'experiment="e",run_id="0123456789",run_name="my run"'
LABELS = f"{{{WHO}}}"


def of_holder(pod: str, name: str, label: str = "") -> str:
    """Return a series of the run, as the holder of the role in this pod shows it."""
    return f'{name}{{{WHO},pod="{pod}"{label}}}'


def alert_of(state: str, severity: str) -> str:
    return f'tunewatch_alert_state{{rule="r",state="{state}",severity="{severity}",pod="a"}}'


RUNNING, FINISHED, METRIC = ',status="RUNNING"', ',status="FINISHED"', ',metric="loss"'
WELL, BADLY = ',diagnosis="healthy"', ',diagnosis="overfitting"'
SERIES = {
    of_holder("a", "mlflow_run_metric", METRIC): "9 8 stale",
    of_holder("b", "mlflow_run_metric", METRIC): "_ _ 3 2 1 stale",
    of_holder("a", "mlflow_run_metric_step", METRIC): "10 20 stale",
    of_holder("b", "mlflow_run_metric_step", METRIC): "_ _ 30 40 50 stale",
    of_holder("a", "mlflow_run_status", RUNNING): "1 1 stale",
    of_holder("b", "mlflow_run_status", RUNNING): "_ _ 1 stale",
    of_holder("b", "mlflow_run_status", FINISHED): "_ _ _ 1 1 stale",
    of_holder("a", "mlflow_run_start_time_seconds"): "-60 -60 stale",
    of_holder("b", "mlflow_run_start_time_seconds"): "_ _ -60 -60 -60 stale",
    of_holder("b", "mlflow_run_end_time_seconds"): "_ _ _ 150 150 stale",
    of_holder("a", "tunewatch_run_planned_steps"): "100 100 stale",
    of_holder("b", "tunewatch_run_planned_steps"): "_ _ 100 100 100 stale",
    of_holder("a", "tunewatch_run_training_seconds"): "60 120 stale",
    of_holder("b", "tunewatch_run_training_seconds"): "_ _ 180 210 210 stale",
    of_holder("a", "tunewatch_run_diagnosis", WELL): "1 1 stale",
    of_holder("b", "tunewatch_run_diagnosis", BADLY): "_ _ 1 1 stale",
    alert_of("pending", "critical"): "1 stale",
    alert_of("firing", "warning"): "_ 1 1 stale",
    'nvidia_gpu_up{gpu="1",uuid="GPU-aa-123456",node="n1",pod="a"}': "1x9",
    'nvidia_gpu_up{gpu="0",uuid="GPU-bb-abcdef",pod="a"}': "1x9",
}
STATUS = newest((*RUN, "status"), series("mlflow_run_status"), ("run_id",))
ONE = ("run_id",)
RULE = ("rule",)

CASES: Mapping[str, tuple[str, int, Mapping[str, float]]] = {
    "the newest value is that of the newer holder": (kept(logged(LOSS)), 4, {LABELS: 1}),
    "an ended run keeps its last value": (kept(logged(LOSS)), 9, {LABELS: 1}),
    "a mean is that of whoever held the role": (averaged(logged(LOSS)), 9, {LABELS: 23 / 5}),
    "smoothing is a mean of steps of 5 s": (smoothed(logged(LOSS)), 1, {LABELS: (12 * 9 + 8) / 13}),
    "smoothing ends with what it smooths": (smoothed(logged(LOSS)), 6, {}),
    "the newest of two words remains": (STATUS, 9, {f"{{{WHO}{FINISHED}}}": 240}),
    "a run that goes on lasts until now": (duration(), 2, {LABELS: 180}),
    "a run that has ended lasted to its end": (duration(), 4, {LABELS: 210}),
    "progress goes by steps": (progress(), 4, {LABELS: 0.5}),
    "the rest takes as long as what is done": (remaining(), 4, {LABELS: 210}),
    "a word is a number": (diagnosis(ONE), 1, {'{run_id="0123456789"}': 10}),
    "another word is another": (diagnosis(ONE), 3, {'{run_id="0123456789"}': 2}),
    "an alert waits first": (alert(RULE), 0, {'{rule="r"}': 1}),
    "and is known by its severity then": (alert(RULE), 2, {'{rule="r"}': 3}),
    "a run has its name and six characters": (
        max_by(("run",), named_run(series("tunewatch_run_planned_steps"))),
        1,
        {'{run="my run 012345"}': 100},
    ),
    "a GPU has node, index and six characters": (
        max_by(("device",), named_gpu(series("nvidia_gpu_up"))),
        1,
        {'{device="n1 GPU 1 123456"}': 1, '{device="GPU 0 abcdef"}': 1},
    ),
    "the first vector wins": (
        code(ONE, {4: max_by(ONE, series("mlflow_run_status")), 5: "vector(1)"}),
        1,
        {'{run_id="0123456789"}': 4, "{}": 5},
    ),
}


def case(expr: str, minute: int, expected: Mapping[str, float]) -> Case:
    samples = [{"labels": labels, "value": value} for labels, value in expected.items()]
    asked = expr.replace("$__range", "20m").replace("$smoothing", "3m")
    test: Mapping[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": name, "values": told} for name, told in SERIES.items()],
        "promql_expr_test": [{"expr": asked, "eval_time": f"{minute}m", "exp_samples": samples}],
    }
    return Case("groups: []", test)


def test_queries_answer_right_when_the_role_moves(tmp_path: Path) -> None:
    named = {f"case{number}": case(*found) for number, found in enumerate(CASES.values())}
    judged = judge(tmp_path, named)
    wrong = {
        name: judged[f"case{number}"].differences
        for number, name in enumerate(CASES)
        if not judged[f"case{number}"].holds
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("name", "matcher", "says"),
    [
        ("no_such_metric", "", "no metric of the catalog: no_such_metric"),
        ("nvidia_gpu_up", 'run_id="x"', "nvidia_gpu_up has no label run_id"),
        ("nvidia_gpu_up", "uuid=x", "no matcher: uuid=x"),
    ],
)
def test_a_query_names_only_what_the_catalog_knows(name: str, matcher: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        queries.series(name, matcher)


def test_target_labels_may_be_matched() -> None:
    assert series("nvidia_gpu_up", 'node=~"$node"') == 'nvidia_gpu_up{node=~"$node"}'
    assert series("nvidia_gpu_up", "") == "nvidia_gpu_up"
