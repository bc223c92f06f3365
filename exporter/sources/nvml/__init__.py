"""GPUs, read through NVIDIA's management library (NVML)."""

from exporter.sources.nvml.source import NvmlSource

__all__ = ["NvmlSource"]
