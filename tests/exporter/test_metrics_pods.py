"""Pods on GPUs as a scrape sees them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics.catalog import CATALOG
from exporter.metrics.encoding import Format, encode
from exporter.metrics.family import Family
from exporter.metrics.pods import METRICS, families, share_families
from exporter.snapshot import Pods, PodShare, PodShares, PodUse
from exporter.sources import pods as package

TARGET_LABELS = {"namespace", "pod", "container", "node", "instance", "job", "pid"}
TRAINER = PodUse("GPU-a", "ml", "train-0", "trainer")
SIDECAR = PodUse("GPU-a", "ml", "train-0", "sidecar")
POD = {"uuid": "GPU-a", "workload_namespace": "ml", "workload_pod": "train-0"}

Series = dict[str, list[tuple[dict[str, str], float]]]


def series(shown: Iterable[Family]) -> Series:
    text = encode(shown, Format.TEXT).text.decode()
    return {
        family.name: [(sample.labels, sample.value) for sample in family.samples]
        for family in text_string_to_metric_families(text)
    }


def test_every_container_that_holds_a_gpu_is_shown() -> None:
    assert series(families(Pods((TRAINER, SIDECAR), unresolved=2))) == {
        "nvidia_gpu_pod_info": [
            ({**POD, "workload_container": "trainer"}, 1),
            ({**POD, "workload_container": "sidecar"}, 1),
        ],
        "tunewatch_pod_devices_unresolved": [({}, 2)],
    }


def test_a_gpu_that_nobody_holds_has_no_series() -> None:
    assert series(families(Pods(()))) == {"tunewatch_pod_devices_unresolved": [({}, 0)]}


def test_what_a_pod_uses_is_shown_as_far_as_it_is_known() -> None:
    shares = (
        PodShare("GPU-a", "ml", "train-0", 2**30, 0.25),
        PodShare("MIG-b", "ml", "train-0", 2**20, None),
        PodShare("GPU-c", "ml", "train-0", None, 0.0),
    )
    assert series(share_families(PodShares(shares, outside=1))) == {
        "nvidia_gpu_pod_memory_used_bytes": [(POD, 2**30), ({**POD, "uuid": "MIG-b"}, 2**20)],
        "nvidia_gpu_pod_sm_utilization_ratio": [(POD, 0.25), ({**POD, "uuid": "GPU-c"}, 0)],
        "tunewatch_gpu_processes_outside_pods": [({}, 1)],
    }


def test_names_come_through_unchanged() -> None:
    hostile = 'a"b\\c\nd{e="f"} 1 # HELP'
    ((labels, _),) = series(families(Pods((PodUse(hostile, hostile, hostile, hostile),))))[
        "nvidia_gpu_pod_info"
    ]
    assert set(labels.values()) == {hostile}


def test_no_series_carries_a_label_that_a_scrape_stamps_nor_a_process() -> None:
    assert not [metric.name for metric in METRICS if TARGET_LABELS & set(metric.labels)]


def test_the_page_beside_the_source_speaks_of_metrics_that_there_are() -> None:
    text = Path(package.__file__).with_name("README.md").read_text()
    named = set(re.findall(r"\b(?:nvidia_gpu|tunewatch|mlflow)_[a-z_]+\b", text))
    assert named >= {metric.name for metric in METRICS}
    assert named <= CATALOG.keys()
