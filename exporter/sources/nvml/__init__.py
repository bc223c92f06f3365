"""GPUs, read through NVIDIA's management library (NVML)."""

from exporter.sources.nvml.bus import Bus
from exporter.sources.nvml.source import NvmlSource

__all__ = ["Bus", "NvmlSource"]
