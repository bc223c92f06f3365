"""The catalog of GPU metrics, and the families that one reading of the GPUs makes."""

from __future__ import annotations

from collections.abc import Iterator

from alerts import signals
from exporter.metrics.family import Family, Metric, Sample
from exporter.metrics.gpu import answers, damage, instances, links, load, power, settings
from exporter.metrics.gpu.rows import DEVICE, Row
from exporter.snapshot import Gpu, Gpus

ROWS: tuple[Row[Gpu], ...] = (
    *(*load.ROWS, *power.ROWS),
    *(*damage.ROWS, *links.ROWS, *settings.ROWS),
)
"""Everything that is read of each GPU; a series whose value is not known is absent."""

INFO = Metric(
    signals.GPU_INFO,
    "gauge",
    "Facts about the GPU; minor is N in /dev/nvidiaN; always 1",
    (
        *(*DEVICE, "name", "serial", "vbios", "pci_bus_id", "minor", "compute_capability"),
        "simulated",
    ),
)
DRIVER_INFO = Metric(
    "nvidia_driver_info",
    "gauge",
    "Versions of the driver, of the newest CUDA that it can run, and of its library; always 1",
    ("driver_version", "cuda_version", "nvml_version"),
)

METRICS: tuple[Metric, ...] = (
    *(*(row.metric for row in ROWS), *instances.METRICS),
    *(INFO, DRIVER_INFO, *answers.METRICS),
)


def families(gpus: Gpus) -> Iterator[Family]:
    """Yield the families of a reading in the order of the catalog; some have no series."""
    for row in ROWS:
        yield Family(row.metric, tuple(_samples(row, gpus)))
    yield from instances.families(gpus)
    yield Family(INFO, [Sample(_facts(gpu, gpus), 1.0) for gpu in gpus.gpus])
    versions = (gpus.driver_version, gpus.cuda_version, gpus.nvml_version)
    yield Family(DRIVER_INFO, [Sample(versions, 1.0)])
    yield from answers.families(gpus)


def _samples(row: Row[Gpu], gpus: Gpus) -> Iterator[Sample]:
    for gpu in gpus.gpus:
        for labels, value in row.series(gpu):
            if value is not None:
                yield Sample((str(gpu.index), gpu.uuid, *labels), value)


def _facts(gpu: Gpu, gpus: Gpus) -> tuple[str, ...]:
    minor = None if gpu.minor is None else str(gpu.minor)
    facts = (gpu.name, gpu.serial, gpu.vbios, gpu.pci_bus_id, minor, gpu.compute_capability)
    simulated = "true" if gpus.simulated else "false"
    return (str(gpu.index), gpu.uuid, *(fact or "" for fact in facts), simulated)
