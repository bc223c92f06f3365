"""The catalog of GPU metrics, and the families that one reading of the GPUs makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from alerts import signals
from exporter.metrics.family import Family, Metric, Sample
from exporter.snapshot import Gpu, Gpus, PcieLink

DEVICE = ("gpu", "uuid")

Series = Iterator[tuple[tuple[str, ...], float | None]]


class Row(NamedTuple):
    """A metric of devices, and how to get the series of one: further label values, and value."""

    metric: Metric
    series: Callable[[Gpu], Series]


def _gauge(name: str, text: str, value: Callable[[Gpu], float | None]) -> Row:
    return Row(Metric(name, "gauge", text, DEVICE), lambda gpu: iter([((), value(gpu))]))


def _pcie_gauge(name: str, text: str, value: Callable[[PcieLink], float | None]) -> Row:
    return _gauge(name, text, lambda gpu: None if gpu.pcie is None else value(gpu.pcie))


def _ecc_counter(name: str, text: str, counter: str) -> Row:
    def series(gpu: Gpu) -> Series:
        for (kind, of), count in gpu.ecc_errors.items():
            if of == counter:
                yield (kind,), count

    return Row(Metric(name, "counter", text, (*DEVICE, "kind")), series)


def _clocks(gpu: Gpu) -> Series:
    yield ("sm",), gpu.sm_clock
    yield ("memory",), gpu.memory_clock


def _throttle(gpu: Gpu) -> Series:
    for reason, active in gpu.throttle.items():
        yield (reason,), float(active)


ROWS: tuple[Row, ...] = (
    _gauge(
        signals.GPU_MEMORY_USED,
        "Memory held by processes, without the driver's reserve (which drivers that know no reserve"
        " count in)",
        lambda gpu: gpu.memory_used,
    ),
    _gauge(signals.GPU_MEMORY_TOTAL, "Memory of the GPU", lambda gpu: gpu.memory_total),
    _gauge("nvidia_gpu_memory_free_bytes", "Memory not in use", lambda gpu: gpu.memory_free),
    _gauge(
        "nvidia_gpu_memory_reserved_bytes",
        "Memory that the driver and the firmware keep for themselves",
        lambda gpu: gpu.memory_reserved,
    ),
    _gauge(
        "nvidia_gpu_utilization_pct",
        "Percent (0-100) of the driver's last sample period in which a kernel was running",
        lambda gpu: gpu.utilization,
    ),
    _gauge(
        "nvidia_gpu_memory_busy_ratio",
        "Share (0-1) of the driver's last sample period in which memory was read or written; says"
        " nothing about how full it is",
        lambda gpu: gpu.memory_utilization,
    ),
    _gauge(
        "nvidia_gpu_temperature_celsius", "Temperature of the GPU core", lambda gpu: gpu.temperature
    ),
    _gauge("nvidia_gpu_power_watts", "Power drawn by the board", lambda gpu: gpu.power),
    _gauge(
        "nvidia_gpu_power_limit_watts",
        "Power limit that the driver enforces",
        lambda gpu: gpu.power_limit,
    ),
    Row(
        Metric(
            "nvidia_gpu_energy_joules_total",
            "counter",
            "Energy drawn since the driver was loaded",
            DEVICE,
        ),
        lambda gpu: iter([((), gpu.energy)]),
    ),
    Row(
        Metric("nvidia_gpu_clock_hertz", "gauge", "Clock frequency now", (*DEVICE, "type")), _clocks
    ),
    Row(
        Metric(
            "nvidia_gpu_throttle_active",
            "gauge",
            "Whether this reason sets the clocks now (1) or not (0); one series per reason that the"
            " GPU can tell",
            (*DEVICE, "reason"),
        ),
        _throttle,
    ),
    _ecc_counter(
        "nvidia_gpu_ecc_errors_total", "ECC errors since the driver was loaded", "volatile"
    ),
    _ecc_counter(
        "nvidia_gpu_ecc_lifetime_errors_total",
        "ECC errors in the life of the board, or since its counters were cleared",
        "aggregate",
    ),
    _gauge(
        "nvidia_gpu_fan_speed_ratio",
        "Fan speed that the driver asks for, as a share (0-1) of the highest",
        lambda gpu: gpu.fan_ratio,
    ),
    _gauge(
        "nvidia_gpu_performance_state",
        "Performance state, from 0 (fastest) to 15",
        lambda gpu: gpu.performance_state,
    ),
    _pcie_gauge(
        "nvidia_gpu_pcie_link_generation",
        "PCIe generation of the link now; falls while the GPU is idle",
        lambda link: link.generation,
    ),
    _pcie_gauge(
        "nvidia_gpu_pcie_link_generation_max",
        "Highest PCIe generation that GPU and slot can do",
        lambda link: link.max_generation,
    ),
    _pcie_gauge(
        "nvidia_gpu_pcie_link_width", "PCIe lanes of the link now", lambda link: link.width
    ),
    _pcie_gauge(
        "nvidia_gpu_pcie_link_width_max",
        "Most PCIe lanes that GPU and slot can do",
        lambda link: link.max_width,
    ),
)
"""Everything that is read of each GPU; a series whose value is not known is absent."""

INFO = Metric(
    "nvidia_gpu_info",
    "gauge",
    "Facts about the GPU; always 1",
    (*DEVICE, "name", "serial", "vbios", "pci_bus_id", "compute_capability", "simulated"),
)
DRIVER_INFO = Metric(
    "nvidia_driver_info",
    "gauge",
    "Versions of the driver, of the newest CUDA that it can run, and of its library; always 1",
    ("driver_version", "cuda_version", "nvml_version"),
)
DEVICES = Metric("nvidia_gpu_devices", "gauge", "GPUs that the driver counts, lost ones too")
LOST = Metric(
    "nvidia_gpu_lost",
    "gauge",
    "1 while a GPU that the driver counts does not answer",
    ("uuid",),
)

METRICS: tuple[Metric, ...] = (*(row.metric for row in ROWS), INFO, DRIVER_INFO, DEVICES, LOST)


def families(gpus: Gpus) -> Iterator[Family]:
    """Yield one family for each metric that has a series, in the order of the catalog."""
    for row in ROWS:
        if samples := tuple(_samples(row, gpus)):
            yield Family(row.metric, samples)
    if gpus.gpus:
        yield Family(INFO, [Sample(_facts(gpu, gpus), 1.0) for gpu in gpus.gpus])
    versions = (gpus.driver_version, gpus.cuda_version, gpus.nvml_version)
    yield Family(DRIVER_INFO, [Sample(versions, 1.0)])
    yield Family(DEVICES, [Sample((), gpus.seen)])
    if gpus.lost:
        yield Family(LOST, [Sample((uuid,), 1.0) for uuid in gpus.lost])


def _samples(row: Row, gpus: Gpus) -> Iterator[Sample]:
    for gpu in gpus.gpus:
        for labels, value in row.series(gpu):
            if value is not None:
                yield Sample((str(gpu.index), gpu.uuid, *labels), value)


def _facts(gpu: Gpu, gpus: Gpus) -> tuple[str, ...]:
    facts = (gpu.name, gpu.serial, gpu.vbios, gpu.pci_bus_id, gpu.compute_capability)
    simulated = "true" if gpus.simulated else "false"
    return (str(gpu.index), gpu.uuid, *(fact or "" for fact in facts), simulated)
