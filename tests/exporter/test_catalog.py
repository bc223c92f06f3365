"""The catalog keeps to the conventions, and its reference page is up to date."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.metrics import catalog, dcgm
from exporter.metrics.catalog import CATALOG, markdown, unique
from exporter.metrics.family import Metric

TARGET_LABELS = {"namespace", "pod", "container", "node", "instance", "job", "endpoint", "service"}
FROZEN = {
    "nvidia_gpu_memory_used_bytes": ("gpu", "uuid"),
    "nvidia_gpu_utilization_pct": ("gpu", "uuid"),
    "nvidia_gpu_temperature_celsius": ("gpu", "uuid"),
    "mlflow_run_metric": ("experiment", "run_id", "run_name", "metric"),
    "mlflow_run_metric_step": ("experiment", "run_id", "run_name", "metric"),
    "tunewatch_source_up": ("source",),
}


def faulty(fault: Callable[[Metric], object]) -> list[str]:
    """Return the metrics with a fault, but for those whose names are DCGM's."""
    named_by_us = [metric for metric in CATALOG.values() if metric not in dcgm.METRICS]
    return [metric.name for metric in named_by_us if fault(metric)]


def test_names_say_whose_they_are() -> None:
    ours = re.compile(r"(nvidia|mlflow|tunewatch|process)(_[a-z0-9]+)+")
    assert not faulty(lambda metric: not ours.fullmatch(metric.name))


def test_counters_and_only_counters_end_in_total() -> None:
    assert not faulty(lambda metric: metric.name.endswith("_total") != (metric.kind == "counter"))


def test_labels_are_plain_and_each_is_there_once() -> None:
    plain = re.compile(r"[a-z][a-z0-9_]*")
    assert not faulty(lambda metric: not all(map(plain.fullmatch, metric.labels)))
    assert not faulty(lambda metric: len(set(metric.labels)) < len(metric.labels))


def test_no_label_is_one_that_scrapes_stamp() -> None:
    assert not faulty(lambda metric: TARGET_LABELS & set(metric.labels))


def test_help_is_one_line_without_a_full_stop() -> None:
    assert not faulty(lambda metric: not re.fullmatch(r".*[^.\s]", metric.help))


@pytest.mark.parametrize(("name", "labels"), FROZEN.items())
def test_names_that_users_rely_on_stay(name: str, labels: tuple[str, ...]) -> None:
    assert CATALOG[name].labels == labels


def test_a_name_is_given_once() -> None:
    twice = Metric("a", "gauge", "A")
    with pytest.raises(ValueError, match="defined twice: a"):
        unique([twice, Metric("b", "gauge", "B"), twice])


def test_the_reference_page_is_up_to_date() -> None:
    page = Path(catalog.__file__).with_name("METRICS.md")
    assert page.read_text() == markdown(), "write it: python -m exporter.metrics.catalog"
