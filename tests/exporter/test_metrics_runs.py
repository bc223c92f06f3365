"""Runs become the series that the catalog promises, whatever they are called."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics.encoding import Format, encode
from exporter.metrics.runs import METRICS, families
from exporter.snapshot import LatestMetric, Run, Runs

RUN = Run(
    run_id="a1",
    name="llama-7b",
    experiment="sft",
    experiment_id="3",
    user="ann",
    status="FINISHED",
    started_at=1_000.0,
    ended_at=2_000.5,
    latest=(LatestMetric("loss", 0.25, 40, 1_900.0), LatestMetric("eval/loss", 0.5, 30, 1_800.0)),
    params={"learning_rate": "0.001"},
    tags={"k8s.namespace": "ml", "k8s.pod": "train-0", "k8s.node": "gpu-1", "k8s.job": "sft"},
    parent_run_id="b2",
    last_log_at=1_950.0,
    url="https://mlflow.example.org/#/experiments/3/runs/a1",
)
WHO = {"experiment": "sft", "run_id": "a1", "run_name": "llama-7b"}

Series = dict[str, list[tuple[dict[str, str], float]]]


def series(*runs: Run) -> Series:
    """Return what a scrape sees, parsed from the rendered page: (labels, value) by name."""
    shown = Runs(runs, {"stale": 2, "too_many": 0}, {"excluded": 5})
    text = encode(families(shown), Format.TEXT).text.decode()
    return {
        family.name: [(sample.labels, sample.value) for sample in family.samples]
        for family in text_string_to_metric_families(text)
    }


def test_a_run_gives_every_series_of_the_contract() -> None:
    assert series(RUN) == {
        "mlflow_run_metric": [
            ({**WHO, "metric": "loss"}, 0.25),
            ({**WHO, "metric": "eval/loss"}, 0.5),
        ],
        "mlflow_run_metric_step": [
            ({**WHO, "metric": "loss"}, 40),
            ({**WHO, "metric": "eval/loss"}, 30),
        ],
        "mlflow_run_info": [
            ({**WHO, "experiment_id": "3", "user": "ann", "parent_run_id": "b2"}, 1)
        ],
        "mlflow_run_status": [({**WHO, "status": "FINISHED"}, 1)],
        "mlflow_run_start_time_seconds": [(WHO, 1_000.0)],
        "mlflow_run_end_time_seconds": [(WHO, 2_000.5)],
        "mlflow_run_last_log_timestamp_seconds": [(WHO, 1_950.0)],
        "mlflow_run_param_info": [({**WHO, "param": "learning_rate", "value": "0.001"}, 1)],
        "mlflow_run_link_info": [({**WHO, "url": RUN.url}, 1)],
        "mlflow_run_pod_info": [
            (
                {
                    **WHO,
                    "workload_namespace": "ml",
                    "workload_pod": "train-0",
                    "workload_node": "gpu-1",
                    "workload_job": "sft",
                },
                1,
            )
        ],
        "tunewatch_runs_skipped": [({"reason": "stale"}, 2), ({"reason": "too_many"}, 0)],
        "tunewatch_run_metrics_skipped": [({"reason": "excluded"}, 5)],
    }


def test_the_catalog_lists_what_is_shown() -> None:
    assert [family.metric for family in families(Runs((RUN,)))] == list(METRICS)


def test_what_is_not_known_is_absent() -> None:
    bare = replace(RUN, ended_at=None, last_log_at=None, latest=(), params={}, tags={}, url="")
    shown = {name for name, samples in series(bare).items() if samples}
    assert shown == {
        "mlflow_run_info",
        "mlflow_run_status",
        "mlflow_run_start_time_seconds",
        "tunewatch_runs_skipped",
        "tunewatch_run_metrics_skipped",
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e-300])
def test_values_keep_their_kind(value: float) -> None:
    run = replace(RUN, latest=(LatestMetric("loss", value, 1, 0.0),))
    [(_, shown)] = series(run)["mlflow_run_metric"]
    assert repr(shown) == repr(value)


@pytest.mark.parametrize("text", ['a"b', "a\nb", "a\\nb", "日本 🦙", "{x=1}", ""])
def test_text_that_runs_control_comes_through_unchanged(text: str) -> None:
    run = replace(RUN, name=text, experiment=text, user=text, params={"p": text})
    shown = series(run)
    assert shown["mlflow_run_info"][0][0]["user"] == text
    assert shown["mlflow_run_param_info"][0][0]["value"] == text
    assert shown["mlflow_run_status"][0][0]["run_name"] == text


def test_runs_of_one_name_are_told_apart_by_their_id() -> None:
    values = series(RUN, replace(RUN, run_id="a2"))["mlflow_run_metric"]
    assert {labels["run_id"] for labels, _ in values} == {"a1", "a2"}


def test_a_value_and_its_step_have_the_same_labels() -> None:
    shown = series(RUN)
    values, steps = shown["mlflow_run_metric"], shown["mlflow_run_metric_step"]
    assert [labels for labels, _ in values] == [labels for labels, _ in steps]
