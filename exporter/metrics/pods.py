"""Pods on GPUs as metrics: series to join with, and what each pod uses."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.metrics.family import Family, Metric, Sample
from exporter.snapshot import Pods, PodShare, PodShares

_POD = ("uuid", "workload_namespace", "workload_pod")

HOLDS = Metric(
    "nvidia_gpu_pod_info",
    "gauge",
    "A container that was given this GPU or MIG instance, to join with its other series by uuid;"
    " always 1",
    (*_POD, "workload_container"),
)
UNRESOLVED = Metric(
    "tunewatch_pod_devices_unresolved",
    "gauge",
    "GPUs given to containers by a name that is none of the GPUs read here",
)
MEMORY = Metric(
    "nvidia_gpu_pod_memory_used_bytes",
    "gauge",
    "GPU memory that the processes of the pod hold",
    _POD,
)
SM = Metric(
    "nvidia_gpu_pod_sm_utilization_ratio",
    "gauge",
    "Share (0-1) of the time since the last reading in which kernels of the pod kept"
    " multiprocessors at work",
    _POD,
)
OUTSIDE = Metric(
    "tunewatch_gpu_processes_outside_pods",
    "gauge",
    "Processes on GPUs that belong to no pod of this node",
)

METRICS: tuple[Metric, ...] = (HOLDS, UNRESOLVED, MEMORY, SM, OUTSIDE)


def families(pods: Pods) -> Iterator[Family]:
    """Tell who holds which GPU."""
    yield Family(HOLDS, [Sample(use, 1) for use in pods.uses])
    yield Family(UNRESOLVED, [Sample((), pods.unresolved)])


def share_families(found: PodShares) -> Iterator[Family]:
    """Tell what each pod uses; what is not known is absent."""
    memory = [(share, share.memory_used) for share in found.shares]
    yield Family(MEMORY, [Sample(_pod(share), used) for share, used in memory if used is not None])
    ratio = [(share, share.sm_ratio) for share in found.shares]
    yield Family(SM, [Sample(_pod(share), value) for share, value in ratio if value is not None])
    yield Family(OUTSIDE, [Sample((), found.outside)])


def _pod(share: PodShare) -> tuple[str, str, str]:
    return share.uuid, share.namespace, share.pod
