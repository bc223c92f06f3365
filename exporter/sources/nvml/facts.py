"""What never changes while the library stays open: who a GPU is."""

from __future__ import annotations

from operator import attrgetter

import pynvml

from exporter.sources.nvml.fields import ONCE, Field, single


def compute_capability(value: tuple[int, int]) -> str:
    """Write (9, 0) as 9.0."""
    return f"{value[0]}.{value[1]}"


FACTS: tuple[Field, ...] = (
    single("minor", pynvml.nvmlDeviceGetMinorNumber, int, ONCE),
    single("name", pynvml.nvmlDeviceGetName, str, ONCE),
    single("serial", pynvml.nvmlDeviceGetSerial, str, ONCE),
    single("vbios", pynvml.nvmlDeviceGetVbiosVersion, str, ONCE),
    single("pci_bus_id", pynvml.nvmlDeviceGetPciInfo, attrgetter("busId"), ONCE),
    single(
        "compute_capability", pynvml.nvmlDeviceGetCudaComputeCapability, compute_capability, ONCE
    ),
)
