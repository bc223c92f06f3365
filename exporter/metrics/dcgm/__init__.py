"""The same readings once more, by the names, labels and units of NVIDIA's dcgm-exporter.

For dashboards and alerts that were written for it; loaded only where they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from exporter.metrics.dcgm.aliases import ALIASES, SHARED, XID, last_xid
from exporter.metrics.family import Family, Metric, Sample
from exporter.snapshot import Gpu, Gpus, MigInstance

METRICS: tuple[Metric, ...] = (
    *(alias.metric for alias in ALIASES),
    XID,
    *(alias.metric for alias in SHARED),
)


def families(gpus: Gpus, hostname: str) -> Iterator[Family]:
    """Yield the aliases of a reading in the order of the catalog."""
    named = [(gpu, _labels(gpu, gpus, hostname)) for gpu in gpus.gpus]
    for alias in ALIASES:
        values = ((labels, alias.value(gpu)) for gpu, labels in named)
        yield Family(alias.metric, [Sample(ls, v) for ls, v in values if v is not None])
    xids = ((labels, last_xid(gpu)) for gpu, labels in named)
    yield Family(XID, [Sample((*ls, str(code)), code) for ls, code in xids if code is not None])
    for shared in SHARED:
        devices = (
            ((*labels, *extra), shared.value(device))
            for gpu, labels in named
            for device, extra in _devices(gpu)
        )
        yield Family(shared.metric, [Sample(ls, v) for ls, v in devices if v is not None])


def with_aliases(
    native: Callable[[Gpus], Iterator[Family]], hostname: str
) -> Callable[[Gpus], Iterator[Family]]:
    """Return what makes the families of a reading, those of DCGM behind our own."""

    def both(gpus: Gpus) -> Iterator[Family]:
        yield from native(gpus)
        yield from families(gpus, hostname)

    return both


def _labels(gpu: Gpu, gpus: Gpus, hostname: str) -> tuple[str, ...]:
    device = f"nvidia{gpu.index}"
    place = gpu.pci_bus_id or ""
    return str(gpu.index), gpu.uuid, place, device, gpu.name, hostname, gpus.driver_version


def _devices(gpu: Gpu) -> Iterator[tuple[Gpu | MigInstance, tuple[str, str]]]:
    """Yield what the memory of a GPU belongs to, with its labels: itself, or its instances."""
    if not gpu.instances:
        yield gpu, ("", "")
    for instance in gpu.instances:
        number = "" if instance.gpu_instance is None else str(instance.gpu_instance)
        yield instance, (instance.profile, number)
