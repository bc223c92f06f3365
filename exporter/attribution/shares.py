"""What the processes of each pod use together of each GPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from exporter.snapshot import Gpu, GpuProcess, PodShare, PodShares

Owner = tuple[str, str]
"""Namespace and name of a pod."""


def fold(gpus: Iterable[Gpu], owners: Mapping[int, Owner]) -> PodShares:
    """Add up the processes on `gpus` by pod; `owners` has the pod by process number.

    A sum is of what is known; it is None where nothing is. Under MIG it is of the instance.
    """
    groups: dict[tuple[str, Owner], list[GpuProcess]] = {}
    outside: set[int] = set()
    for uuid, process in _by_device(gpus):
        owner = owners.get(process.pid)
        if owner is None:
            outside.add(process.pid)
        else:
            groups.setdefault((uuid, owner), []).append(process)
    shares = (
        PodShare(uuid, *owner, _memory(processes), _sm_ratio(processes))
        for (uuid, owner), processes in sorted(groups.items())
    )
    return PodShares(tuple(shares), len(outside))


def _by_device(gpus: Iterable[Gpu]) -> Iterator[tuple[str, GpuProcess]]:
    for gpu in gpus:
        instances = {one.gpu_instance: one.uuid for one in reversed(gpu.instances)}
        for process in gpu.processes:
            yield instances.get(process.gpu_instance, gpu.uuid), process


def _memory(processes: Iterable[GpuProcess]) -> int | None:
    known = [p.memory_used for p in processes if p.memory_used is not None]
    return sum(known) if known else None


def _sm_ratio(processes: Iterable[GpuProcess]) -> float | None:
    """Add up ratios; each was rounded, so together they may pass the whole."""
    known = [p.sm_ratio for p in processes if p.sm_ratio is not None]
    return min(1.0, sum(known)) if known else None
