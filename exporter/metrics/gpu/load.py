"""How full and how busy a GPU is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from alerts import signals
from exporter.metrics.gpu.rows import Row, counter, gauge, keyed, labelled
from exporter.snapshot import Gpu, MigInstance

ACTIVITY = {
    "graphics_active": "Share (0-1) of the time in which any part for graphics or compute worked",
    "sm_active": "Share (0-1) of the time in which a multiprocessor had work, averaged over all"
    " of them",
    "sm_occupancy": "Warps in the multiprocessors, as a share (0-1) of the most that fit in",
    "tensor_active": "Share (0-1) of the time in which the tensor cores worked",
    "dram_active": "Share (0-1) of the time in which memory was read or written",
    "fp64_active": "Share (0-1) of the time in which the FP64 units worked",
    "fp32_active": "Share (0-1) of the time in which the FP32 units worked",
    "fp16_active": "Share (0-1) of the time in which the FP16 units worked, without tensor cores",
    "int_active": "Share (0-1) of the time in which the integer units worked",
}
"""What GPUs since Hopper measure, averaged over the time since the last reading."""

T = TypeVar("T", Gpu, MigInstance)


def activity_rows(prefix: str, of: Callable[[T, str], float | None]) -> tuple[Row[T], ...]:
    """Return the rows of all measures, named `<prefix>_<measure>_ratio`."""

    def row(name: str, text: str) -> Row[T]:
        since = f"{text}; averaged since the last reading"
        return gauge(f"{prefix}_{name}_ratio", since, lambda device: of(device, name))

    return tuple(row(name, text) for name, text in ACTIVITY.items())


ROWS: tuple[Row[Gpu], ...] = (
    gauge(
        signals.GPU_MEMORY_USED,
        "Memory held by processes, without the driver's reserve (which drivers that know no reserve"
        " count in)",
        lambda gpu: gpu.memory_used,
    ),
    gauge(signals.GPU_MEMORY_TOTAL, "Memory of the GPU", lambda gpu: gpu.memory_total),
    gauge("nvidia_gpu_memory_free_bytes", "Memory not in use", lambda gpu: gpu.memory_free),
    gauge(
        "nvidia_gpu_memory_reserved_bytes",
        "Memory that the driver and the firmware keep for themselves",
        lambda gpu: gpu.memory_reserved,
    ),
    gauge(
        "nvidia_gpu_bar1_memory_used_bytes",
        "Part in use of the window through which the host and other devices reach GPU memory",
        lambda gpu: gpu.bar1_used,
    ),
    gauge(
        "nvidia_gpu_bar1_memory_total_bytes",
        "Size of the window through which the host and other devices reach GPU memory",
        lambda gpu: gpu.bar1_total,
    ),
    gauge(
        "nvidia_gpu_utilization_pct",
        "Percent (0-100) of the driver's last sample period in which a kernel was running",
        lambda gpu: gpu.utilization,
    ),
    counter(
        "nvidia_gpu_busy_seconds_total",
        "Time in which a kernel was running, summed up from all samples of the driver, so that no"
        " spike between two scrapes is missed",
        lambda gpu: gpu.busy_seconds,
    ),
    counter(
        "nvidia_gpu_sample_gap_seconds_total",
        "Time of which the driver kept no samples, and which the busy seconds leave out",
        lambda gpu: gpu.busy_gap_seconds,
    ),
    gauge(
        "nvidia_gpu_memory_busy_ratio",
        "Share (0-1) of the driver's last sample period in which memory was read or written; says"
        " nothing about how full it is",
        lambda gpu: gpu.memory_utilization,
    ),
    keyed(
        labelled(
            "nvidia_gpu_engine_busy_ratio",
            "gauge",
            "Share (0-1) of the driver's last sample period in which this media engine worked",
            "engine",
        ),
        lambda gpu: gpu.engines,
    ),
    *activity_rows("nvidia_gpu", lambda gpu, name: gpu.activity.get(name)),
)
