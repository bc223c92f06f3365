"""MIG instances: the parts of GPUs that are divided."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.builders import timeseries as curves

from alerts import signals
from grafana import instances, units
from grafana.boards.gpus.fleet import TO_GPU
from grafana.gpus import GPU_LEGEND
from grafana.looks import BLUE, bar, decimals, levels, link, width, within
from grafana.panels import About, Panel, timeseries
from grafana.tables import Column, merged
from grafana.targets import curve

NONE = "None of the chosen GPUs is divided (MIG)"
PLACE = {"node": "Node", "gpu": "GPU", "profile": "Profile", "uuid": ""}


def _table() -> tables.Panel:
    about = About(
        701,
        "Instances",
        "One row for each MIG instance. Where compute instances share a GPU instance, the first of "
        "them has the memory of all. An instance without a pod is free; one with full memory wants "
        "a smaller batch or a larger profile.",
        units.NONE,
        NONE,
    )
    share = (bar(), *within(0, 1), decimals(0), width(130), levels({None: BLUE}))
    columns = [
        Column(instances.instance("nvidia_mig_multiprocessors"), "Multiprocessors"),
        Column(instances.instance(signals.MIG_MEMORY_TOTAL), "Memory", units.BYTES),
        Column(_full(), "Memory used", units.RATIO, looks=share),
        Column(_active("graphics"), "Active", units.RATIO, looks=share),
        Column(instances.instance_pod(), labels={"workload_pod": "Pod"}),
    ]
    panel = merged(about, PLACE, columns)
    return panel.override_by_name("GPU", [link("This instance alone", TO_GPU), width(60)])


def _full() -> str:
    used, total = (
        instances.instance(name) for name in (signals.MIG_MEMORY_USED, signals.MIG_MEMORY_TOTAL)
    )
    return f"({used}) / ({total})"


def _active(measure: str) -> str:
    return instances.instance(f"nvidia_mig_{measure}_active_ratio")


def _activity(number: int, title: str, measure: str, text: str) -> curves.Panel:
    about = About(number, title, text, units.RATIO, NONE)
    expr = instances.called(instances.part_of(f"nvidia_mig_{measure}_active_ratio"))
    return timeseries(about, curve(expr, GPU_LEGEND)).min(0).max(1).span(8)


PANELS: Sequence[Panel] = (
    _table(),
    _activity(
        702,
        "Instances: active",
        "graphics",
        "Share of the time in which any part of an instance worked. Near zero while a pod holds "
        "it: ask the owner of the pod.",
    ),
    _activity(
        703,
        "Instances: multiprocessors at work",
        "sm",
        "Share of the time in which the multiprocessors of an instance had work. Active but low "
        "here: kernels are too small; use larger batches, or a smaller profile.",
    ),
    _activity(
        704,
        "Instances: tensor cores at work",
        "tensor",
        "Share of the time in which the tensor cores of an instance worked. Near zero while it is "
        "active: check the precision of what runs there.",
    ),
)
