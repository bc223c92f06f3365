"""Who uses GPUs: pods by what the kubelet gave them, runs by their tags."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.builders import timeseries as curves

from grafana import units, users
from grafana.boards.gpus.fleet import TO_GPU, TO_RUN
from grafana.gpus import GPU_LEGEND
from grafana.looks import decimals, link, width
from grafana.panels import About, Panel, timeseries
from grafana.queries import GPU, max_by
from grafana.tables import Column, merged
from grafana.targets import curve

POD_LEGEND = f"{GPU_LEGEND} {{{{workload_namespace}}}}/{{{{workload_pod}}}}"
NOT_READ = "Only with --collector.processes, which needs hostPID"
PLACE = {"node": "Node", "gpu": "GPU", "uuid": ""}
TITLES = {"workload_namespace": "Namespace", "workload_pod": "Pod"}


def _pods() -> tables.Panel:
    about = About(
        401,
        "Pods on GPUs",
        "Which pod was given which GPU or MIG instance. A pod that holds a GPU without memory in "
        "use does not compute: ask its owner, or delete it.",
        units.NONE,
        "No pod holds a chosen GPU (told by the kubelet, on nodes of a cluster)",
    )
    memory = users.shares("nvidia_gpu_pod_memory_used_bytes")
    work = users.shares("nvidia_gpu_pod_sm_utilization_ratio")
    columns = [
        Column(users.holders()),
        Column(memory, "Memory", units.BYTES, looks=(width(100),)),
        Column(work, "Multiprocessors", units.RATIO, looks=(decimals(0), width(120))),
    ]
    panel = merged(about, {**PLACE, **TITLES}, columns).span(12)
    return panel.override_by_name("GPU", [link("This GPU alone", TO_GPU)])


def _runs() -> tables.Panel:
    about = About(
        402,
        "Runs on GPUs",
        "Which run of the range trains on which GPU or MIG instance, as the tags of the run and "
        "the kubelets tell. A run that is missing here has no tags: see what its job should set in "
        "the README.",
        units.NONE,
        "No run is known to train on a chosen GPU (tags k8s.pod or tunewatch.gpus)",
    )
    keys = {**PLACE, "run": "Run", "run_id": "", "experiment": "Experiment"}
    trained = max_by((*GPU, "run", "run_id", "experiment"), users.trained())
    columns = [Column(trained)]
    panel = merged(about, keys, columns).span(12)
    panel.override_by_name("GPU", [link("This GPU alone", TO_GPU)])
    return panel.override_by_name("Run", [link("The run", TO_RUN)])


def _memory() -> curves.Panel:
    about = About(
        403,
        "Memory by pod",
        "GPU memory that the processes of each pod hold. Where several pods share a GPU, the one "
        "that grows will meet the limit first: that is whom to ask.",
        units.BYTES,
        NOT_READ,
    )
    expr = users.shares("nvidia_gpu_pod_memory_used_bytes")
    return timeseries(about, curve(expr, POD_LEGEND)).min(0)


def _work() -> curves.Panel:
    about = About(
        404,
        "Multiprocessors by pod",
        "Share of the time in which kernels of each pod kept multiprocessors at work. A pod at "
        "zero holds memory for nothing: ask its owner, or delete it.",
        units.RATIO,
        NOT_READ,
    )
    expr = users.shares("nvidia_gpu_pod_sm_utilization_ratio")
    return timeseries(about, curve(expr, POD_LEGEND)).min(0).max(1)


PANELS: Sequence[Panel] = (_pods(), _runs())
SHARES: Sequence[Panel] = (_memory(), _work())
