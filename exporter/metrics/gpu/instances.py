"""MIG devices, in families of their own: sums over GPUs do not count them twice."""

from __future__ import annotations

from collections.abc import Iterator

from alerts import signals
from exporter.metrics.family import Family, Metric, Sample
from exporter.metrics.gpu.load import activity_rows
from exporter.metrics.gpu.rows import DEVICE, Row, gauge
from exporter.snapshot import Gpu, Gpus, MigInstance

_SHARED = "where compute instances share a GPU instance the first of them has the figure of all"


def _activity(instance: MigInstance, name: str) -> float | None:
    return instance.activity.get(name)


ROWS: tuple[Row[MigInstance], ...] = (
    gauge(
        signals.MIG_MEMORY_USED,
        f"Memory held by processes in the instance; {_SHARED}",
        lambda instance: instance.memory_used,
    ),
    gauge(
        signals.MIG_MEMORY_TOTAL,
        f"Memory of the instance; {_SHARED}",
        lambda instance: instance.memory_total,
    ),
    gauge(
        "nvidia_mig_memory_free_bytes",
        f"Memory of the instance not in use; {_SHARED}",
        lambda instance: instance.memory_free,
    ),
    gauge(
        "nvidia_mig_memory_reserved_bytes",
        f"Memory of the instance that the driver keeps for itself; {_SHARED}",
        lambda instance: instance.memory_reserved,
    ),
    gauge(
        "nvidia_mig_multiprocessors",
        "Multiprocessors of the instance",
        lambda instance: instance.multiprocessors,
    ),
    *activity_rows("nvidia_mig", _activity),
)

INFO = Metric(
    "nvidia_mig_info",
    "gauge",
    "A MIG device: uuid is its own, parent_uuid that of its GPU; always 1",
    (*DEVICE, "parent_uuid", "gpu_instance", "compute_instance", "profile"),
)

METRICS: tuple[Metric, ...] = (*(row.metric for row in ROWS), INFO)


def families(gpus: Gpus) -> Iterator[Family]:
    """Yield the families of MIG devices, empty where no GPU is divided."""
    for row in ROWS:
        yield Family(row.metric, tuple(_samples(row, gpus)))
    yield Family(
        INFO, [Sample(_facts(gpu, mig), 1.0) for gpu in gpus.gpus for mig in gpu.instances]
    )


def _samples(row: Row[MigInstance], gpus: Gpus) -> Iterator[Sample]:
    for gpu in gpus.gpus:
        for instance in gpu.instances:
            for labels, value in row.series(instance):
                if value is not None:
                    yield Sample((str(gpu.index), instance.uuid, *labels), value)


def _facts(gpu: Gpu, instance: MigInstance) -> tuple[str, ...]:
    ids = (instance.gpu_instance, instance.compute_instance)
    numbers = ("" if number is None else str(number) for number in ids)
    return (str(gpu.index), instance.uuid, gpu.uuid, *numbers, instance.profile)
