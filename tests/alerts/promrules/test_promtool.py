"""What the tests hand to promtool arrives there, and what rules say to people is filled in."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.samples import Sample

from alerts.promrules.groups import groups
from alerts.promrules.settings import PrometheusSettings
from alerts.thresholds import USER_THRESHOLDS, AlertSettings
from tests.support.promtool import Case, Judgement, Scrapes, judge, labels_of, spelt

HOSTILE = 'a"b\\c\nd{{ $labels.run_id }}{e="f"} <!channel>'
VALUES = (math.nan, math.inf, -math.inf, 1e-07, 20.000000000000004, None, None, 5.0)


def judged(folder: Path, rules: str, **test: Any) -> Judgement:  # noqa: ANN401 - promtool's keys
    return judge(folder, {"x": Case(rules, {"interval": "5s", **test})})["x"]


def sample(value: float) -> Sample:
    return Sample("x", {"k": HOSTILE, "empty": ""}, value)


@pytest.mark.parametrize(
    ("tick", "expression"),
    [
        (0, "count(x != x)"),
        (1, "count(x == Inf)"),
        (2, "count(x == -Inf)"),
        (3, "count(x == 0.0000001)"),
        (4, "count(x == 20.000000000000004 and x > 20)"),
        (5, "count(absent(x))"),
        (6, "count(absent(x))"),
        (7, "count(x == 5)"),
    ],
)
def test_values_arrive_as_they_were_scraped(tmp_path: Path, tick: int, expression: str) -> None:
    scrapes = Scrapes(5.0)
    for value in VALUES:
        scrapes.add([] if value is None else [sample(value)], node="n")
    expected = {
        "expr": expression,
        "eval_time": f"{tick * 5}s",
        "exp_samples": [{"labels": "{}", "value": 1}],
    }
    test = {"input_series": scrapes.input_series("x"), "promql_expr_test": [expected]}
    assert judged(tmp_path, "groups: []", **test).differences == []


def test_names_arrive_as_they_are(tmp_path: Path) -> None:
    scrapes = Scrapes(5.0)
    scrapes.add([sample(1.0)], node="n")
    series = spelt(labels_of({"__name__": "x", "k": HOSTILE, "node": "n"}))
    expected = {
        "expr": "x",
        "eval_time": "0s",
        "exp_samples": [{"labels": series, "value": 1}],
    }
    test = {"input_series": scrapes.input_series("x"), "promql_expr_test": [expected]}
    assert judged(tmp_path, "groups: []", **test).differences == []


def test_people_are_told_the_number_the_run_and_where_to_look(tmp_path: Path) -> None:
    settings = AlertSettings(thresholds=USER_THRESHOLDS)
    (gap,) = (
        entry
        for group in groups(settings, PrometheusSettings())
        for entry in group["rules"]
        if entry["labels"] == {"rule": "eval_loss_gap", "severity": "info"}
    )
    who = {"run_id": "r 1", "run_name": HOSTILE, "experiment": "e", "eval_set": "code"}
    series = labels_of({"__name__": "tunewatch_run_eval_loss_gap", **who})
    expected = {
        "exp_labels": {"rule": "eval_loss_gap", "severity": "info", **who},
        "exp_annotations": {
            "summary": f"Eval loss gap: {HOSTILE} [code]",
            "description": "Validation loss minus the mean training loss since the evaluation "
            "before: 0.1235, limit 0.1. Run r 1 of experiment e. What to do: Generalisation gap: "
            "regularise more (dropout, weight decay, smaller LoRA rank), train fewer epochs, or "
            "add data. Resolves when an evaluation comes within the threshold of the training "
            "loss.",
            "runbook_url": "https://example.org/tunewatch/alerts/rules/README.md#eval_loss_gap",
            "dashboard_url": "https://grafana.example.org/d/tunewatch-run?var-run_id=r+1",
        },
    }
    told = judged(
        tmp_path,
        json.dumps({"groups": [{"name": "g", "rules": [gap]}]}),
        input_series=[{"series": spelt(series), "values": "0.12345"}],
        alert_rule_test=[
            {"eval_time": "0s", "alertname": "TunewatchEvalLossGap", "exp_alerts": [expected]}
        ],
    )
    assert told.differences == []
