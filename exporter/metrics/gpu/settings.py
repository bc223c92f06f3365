"""How a GPU is set up, and how reading it went."""

from __future__ import annotations

from alerts import signals
from exporter.metrics.gpu.rows import Row, gauge, states
from exporter.snapshot import COMPUTE_MODES, Gpu

ROWS: tuple[Row[Gpu], ...] = (
    gauge(
        "nvidia_gpu_persistence_mode",
        "1 while the driver stays loaded without a program that uses the GPU",
        lambda gpu: gpu.persistence_mode,
    ),
    states(
        "nvidia_gpu_compute_mode",
        "Who may compute on the GPU: 1 for the present mode",
        "mode",
        COMPUTE_MODES,
        lambda gpu: gpu.compute_mode,
    ),
    gauge(
        signals.GPU_MIG_MODE,
        "1 while the GPU is divided into instances (MIG)",
        lambda gpu: gpu.mig_mode,
    ),
    gauge(
        "nvidia_gpu_collection_duration_seconds",
        "How long reading this GPU took the last time",
        lambda gpu: gpu.collection_seconds,
    ),
)
