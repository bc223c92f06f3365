"""PromQL of the dashboards: metrics and labels that the catalog knows, and how runs are shown.

Scrapes stamp target labels (pod, instance, ...) on every series, and the process that holds the run
role may change. So nothing is joined or shown raw: vectors are first aggregated to labels of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from alerts.promrules.promql import max_by, selector
from alerts.signals import RUN
from exporter.metrics.catalog import CATALOG

__all__ = [
    "GPU",
    "LOOK_BACK",
    "RUN",
    "averaged",
    "code",
    "first_of",
    "kept",
    "labelled",
    "matching",
    "max_by",
    "named_gpu",
    "named_run",
    "newest",
    "on_node",
    "per_second",
    "series",
    "smoothed",
]

GPU = ("node", "gpu", "uuid")
"""What tells GPUs apart; the node is stamped by scrapes in a cluster and absent elsewhere."""
TARGET_LABELS = frozenset({"namespace", "pod", "container", "node", "instance", "job"})
"""What a scrape stamps on every series."""
PROMETHEUS_OWN: Mapping[str, frozenset[str]] = {
    "ALERTS": frozenset({"alertname", "alertstate", "severity", "rule", *RUN, "uuid", "source"}),
    "up": frozenset(),
    "scrape_duration_seconds": frozenset(),
    "scrape_samples_scraped": frozenset(),
}
"""Series that Prometheus itself writes, with the labels of ours that they have."""
LOOK_BACK = "[$__range:1m]"
"""A step that is shorter than the life of anything ended, which is `mlflow.ended_grace`."""

_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"(?:[^"\\]|\\.)*"')


def series(name: str, *matchers: str) -> str:
    """Return a selector; raises ValueError for a metric or a label that the catalog lacks."""
    if name in PROMETHEUS_OWN:
        labels = PROMETHEUS_OWN[name]
    elif name in CATALOG:
        labels = frozenset(CATALOG[name].labels)
    else:
        raise ValueError(f"no metric of the catalog: {name}")
    for matcher in filter(None, matchers):
        found = _MATCHER.fullmatch(matcher)
        if found is None:
            raise ValueError(f"no matcher: {matcher}")
        if found[1] not in labels | TARGET_LABELS:
            raise ValueError(f"{name} has no label {found[1]}")
    return selector(name, *matchers)


def matching(label: str, values: Sequence[str]) -> str:
    """Return the matcher that a label has one of these values, which may be patterns."""
    return f'{label}=~"{"|".join(values)}"'


def kept(vector: str) -> str:
    """Return the value that each series has, or had last in the range shown where it has ended.

    `vector` must be aggregated: the subquery then follows the process that had the run role at
    each moment, where the last value of raw series would be that of every process that ever had it.
    Its steps are at whole minutes, so it alone would be late.
    """
    return f"({vector}\nor last_over_time(({vector}){LOOK_BACK}))"


def averaged(vector: str) -> str:
    """Return the mean of each series over the part of the range shown in which it was there.

    As with `kept`, the vector must be aggregated.
    """
    return f"(avg_over_time(({vector}){LOOK_BACK})\nor {vector})"


def newest(labels: Sequence[str], selected: str, one_of: Sequence[str]) -> str:
    """Return, for each of `one_of`, the series that was seen last in the range shown.

    For what a label tells and not a value, such as the status of a run: of FINISHED and RUNNING,
    both of which a run had, the newer remains. The value is the time at which it was seen, in Unix
    seconds.
    """
    now = max_by(labels, f"timestamp({selected})")
    return f"topk by ({', '.join(one_of)}) (1, {now}\nor max_over_time(({now}){LOOK_BACK}))"


def smoothed(vector: str) -> str:
    """Return the mean over the time that `$smoothing` says, of an aggregated vector.

    It is there only where the vector is: a mean of what has ended has no step to be drawn at.
    """
    return f"(avg_over_time(({vector})[$smoothing:5s])\nand {vector})"


def per_second(selected: str) -> str:
    """Return how fast a counter grows."""
    return f"rate({selected}[$__rate_interval])"


def labelled(vector: str, label: str, template: str, source: str = "", pattern: str = "") -> str:
    """Set a label by a template, which may name the groups of `pattern` in the label `source`."""
    return f'label_replace({vector}, "{label}", "{template}", "{source}", "{pattern}")'


def named_run(vector: str) -> str:
    """Add the label `run`: the name and six characters of the id, since names repeat."""
    joined = f'label_join({vector}, "run", " ", "run_name", "run_id")'
    return labelled(joined, "run", "$1", "run", "(.* .{1,6}).*")


def on_node(vector: str) -> str:
    """Where a scrape stamps no label `node`, set it to the target's address without its port."""
    joined = f'label_join({vector}, "at", "@", "node", "instance")'
    return labelled(joined, "node", "$1", "at", "@(.+?)(:[0-9]+)?")


def named_gpu(vector: str) -> str:
    """Add the label `device`: node, index and the end of the uuid, since indexes repeat."""
    joined = f'label_join({vector}, "device", " ", "node", "gpu", "uuid")'
    index_and_end = "([^ ]*) [^ ]*?([^ ]{1,6})"
    on_node = labelled(joined, "device", "$1 GPU $2 $3", "device", f"([^ ]+) {index_and_end}")
    return labelled(on_node, "device", "GPU $1 $2", "device", f" {index_and_end}")


def first_of(on: Sequence[str], *vectors: str) -> str:
    """Return for each value of the labels `on` the first vector that has it."""
    return f"\nor on ({', '.join(on)}) ".join(vectors)


def code(on: Sequence[str], vectors: Mapping[int, str]) -> str:
    """Turn which of several vectors exists into its number; the first in the mapping wins.

    Each vector has the value 1 and at most one series for each value of the labels `on`. A mapping
    of the panel then shows the numbers as words: the only way to draw words along a line of time.
    """
    return first_of(on, *(f"{vector} * {number}" for number, vector in vectors.items()))
