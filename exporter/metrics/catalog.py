"""Every metric that the page may show, and the reference page that is written from them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping

from exporter.metrics import alerting, dcgm, gpu, nodes, own, pods, runs
from exporter.metrics.family import Metric

SECTIONS: Mapping[str, tuple[Metric, ...]] = {
    "GPUs": gpu.METRICS,
    "Pods on GPUs": pods.METRICS,
    "Runs": runs.METRICS,
    "Signals and alerts": alerting.METRICS,
    "Other nodes": nodes.METRICS,
    "The daemon itself": own.METRICS,
    "Names of DCGM (only with `nvml.dcgm_aliases`)": dcgm.METRICS,
}
"""The metrics by chapter of the reference page."""

_INTRODUCTION = """\
# Metrics

What `/metrics` shows, in the text format and in OpenMetrics. A value that is not supported or not
known is an absent series, never zero. Units are base units; the names are a contract.

This page is written by `python -m exporter.metrics.catalog`.
"""


def unique(metrics: Iterable[Metric]) -> Mapping[str, Metric]:
    """Index metrics by name; raises ValueError naming those that are defined twice."""
    listed = tuple(metrics)
    counts = Counter(metric.name for metric in listed)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise ValueError(f"metrics defined twice: {', '.join(twice)}")
    return {metric.name: metric for metric in listed}


CATALOG = unique(metric for metrics in SECTIONS.values() for metric in metrics)


def markdown() -> str:
    """Write the reference page."""
    chapters = (_chapter(title, metrics) for title, metrics in SECTIONS.items())
    return "\n".join((_INTRODUCTION, *chapters))


def _chapter(title: str, metrics: Iterable[Metric]) -> str:
    rows = (
        f"| `{metric.name}` | {metric.kind} | {_labels(metric)} | {metric.help} |\n"
        for metric in metrics
    )
    return f"## {title}\n\n| name | type | labels | meaning |\n|---|---|---|---|\n{''.join(rows)}"


def _labels(metric: Metric) -> str:
    return ", ".join(f"`{label}`" for label in metric.labels)


if __name__ == "__main__":
    sys.stdout.write(markdown())
