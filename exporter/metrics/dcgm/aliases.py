"""The rows of the table: a name of DCGM, and how our reading becomes its value and unit.

Names and kinds are those of the lists `default-counters.csv` and `dcp-metrics-included.csv` of
dcgm-exporter, with some that they have switched off and that alerts often use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from exporter.metrics.family import Metric
from exporter.snapshot import Gpu, MigInstance, RemappedRows, RetiredPages

LABELS = ("gpu", "UUID", "pci_bus_id", "device", "modelName", "Hostname", "DCGM_FI_DRIVER_VERSION")
OF_INSTANCE = ("GPU_I_PROFILE", "GPU_I_ID")
"""Labels of what MIG divides; empty, which is the same as absent, for a whole GPU."""
MIB = 1024 * 1024

Number = float | None


class Alias(NamedTuple):
    """A metric of each GPU, and its value."""

    metric: Metric
    value: Callable[[Gpu], Number]


class SharedAlias(NamedTuple):
    """A metric of each GPU that is whole, and of each instance of one that is divided."""

    metric: Metric
    value: Callable[[Gpu | MigInstance], Number]


def _alias(
    name: str,
    text: str,
    value: Callable[[Gpu], Number],
    kind: Literal["gauge", "counter"] = "gauge",
) -> Alias:
    return Alias(Metric(f"DCGM_FI_DEV_{name}", kind, text, LABELS), value)


def _counter(name: str, text: str, value: Callable[[Gpu], Number]) -> Alias:
    return _alias(name, text, value, "counter")


def _shared(name: str, text: str, value: Callable[[Gpu | MigInstance], Number]) -> SharedAlias:
    return SharedAlias(Metric(f"DCGM_FI_{name}", "gauge", text, (*LABELS, *OF_INSTANCE)), value)


def _active(name: str, text: str, measure: str) -> SharedAlias:
    return _shared(f"PROF_{name}", text, lambda device: device.activity.get(measure))


def _rate(name: str, text: str, which: str) -> SharedAlias:
    return _shared(f"PROF_{name}", text, lambda device: device.rates.get(which))


def _ecc(name: str, text: str, kind: str, counter: str) -> Alias:
    return _counter(f"ECC_{name}_TOTAL", text, lambda gpu: gpu.ecc_errors.get((kind, counter)))


def _rows(gpu: Gpu, value: Callable[[RemappedRows], float]) -> Number:
    return None if gpu.remapped_rows is None else value(gpu.remapped_rows)


def _pages(gpu: Gpu) -> RetiredPages:
    return gpu.retired_pages or RetiredPages()


def _times(factor: float, value: Number) -> Number:
    """Undo the scaling to base units, and what that left of binary fractions."""
    return None if value is None else round(factor * value, 6)


def last_xid(gpu: Gpu) -> int | None:
    """Return the code of the last Xid error, 0 for none; None where nobody listens for them."""
    if not gpu.xids:
        return None
    return max(gpu.xid_at, key=gpu.xid_at.__getitem__, default=0)


XID = Metric(
    "DCGM_FI_DEV_XID_ERRORS",
    "gauge",
    "Code of the last Xid error, 0 for none",
    (*LABELS, "err_code"),
)

ALIASES: tuple[Alias, ...] = (
    _alias("SM_CLOCK", "SM clock in MHz", lambda gpu: _times(1e-6, gpu.clocks.get("sm"))),
    _alias("MEM_CLOCK", "Memory clock in MHz", lambda gpu: _times(1e-6, gpu.clocks.get("memory"))),
    _alias("MEMORY_TEMP", "Memory temperature in C", lambda gpu: gpu.memory_temperature),
    _alias("GPU_TEMP", "GPU temperature in C", lambda gpu: gpu.temperature),
    _alias("POWER_USAGE", "Power draw in W", lambda gpu: gpu.power),
    _counter(
        "TOTAL_ENERGY_CONSUMPTION",
        "Energy in mJ since the driver was loaded",
        lambda gpu: _times(1e3, gpu.energy),
    ),
    _counter("PCIE_REPLAY_COUNTER", "PCIe transfers repeated", lambda gpu: gpu.pcie_replays),
    _alias("GPU_UTIL", "GPU utilization in percent", lambda gpu: gpu.utilization),
    _alias(
        "MEM_COPY_UTIL",
        "Memory utilization in percent",
        lambda gpu: _times(100, gpu.memory_utilization),
    ),
    _alias(
        "ENC_UTIL",
        "Encoder utilization in percent",
        lambda gpu: _times(100, gpu.engines.get("encoder")),
    ),
    _alias(
        "DEC_UTIL",
        "Decoder utilization in percent",
        lambda gpu: _times(100, gpu.engines.get("decoder")),
    ),
    _ecc("SBE_VOL", "Corrected errors since the driver was loaded", "corrected", "volatile"),
    _ecc("DBE_VOL", "Uncorrected errors since the driver was loaded", "uncorrected", "volatile"),
    _ecc("SBE_AGG", "Corrected errors in the life of the board", "corrected", "aggregate"),
    _ecc("DBE_AGG", "Uncorrected errors in the life of the board", "uncorrected", "aggregate"),
    _counter(
        "RETIRED_SBE",
        "Pages retired for single-bit errors",
        lambda gpu: _pages(gpu).single_bit,
    ),
    _counter(
        "RETIRED_DBE",
        "Pages retired for double-bit errors",
        lambda gpu: _pages(gpu).double_bit,
    ),
    _counter("RETIRED_PENDING", "Pages that wait for retirement", lambda gpu: _pages(gpu).pending),
    _counter(
        "UNCORRECTABLE_REMAPPED_ROWS",
        "Rows remapped for uncorrectable errors",
        lambda gpu: _rows(gpu, lambda rows: rows.uncorrectable),
    ),
    _counter(
        "CORRECTABLE_REMAPPED_ROWS",
        "Rows remapped for correctable errors",
        lambda gpu: _rows(gpu, lambda rows: rows.correctable),
    ),
    _alias(
        "ROW_REMAP_FAILURE",
        "1 if a row could not be remapped",
        lambda gpu: _rows(gpu, lambda rows: rows.failure),
    ),
)

SHARED: tuple[SharedAlias, ...] = (
    _shared(
        "DEV_FB_FREE", "Free memory in MiB", lambda device: _times(1 / MIB, device.memory_free)
    ),
    _shared(
        "DEV_FB_USED", "Used memory in MiB", lambda device: _times(1 / MIB, device.memory_used)
    ),
    _active("GR_ENGINE_ACTIVE", "Share of time in which any engine worked", "graphics_active"),
    _active("SM_ACTIVE", "Share of time in which an SM had a warp", "sm_active"),
    _active("SM_OCCUPANCY", "Share of the warps that an SM can hold", "sm_occupancy"),
    _active("PIPE_TENSOR_ACTIVE", "Share of time of the tensor pipe", "tensor_active"),
    _active("PIPE_FP64_ACTIVE", "Share of time of the FP64 pipe", "fp64_active"),
    _active("PIPE_FP32_ACTIVE", "Share of time of the FP32 pipe", "fp32_active"),
    _active("PIPE_FP16_ACTIVE", "Share of time of the FP16 pipe", "fp16_active"),
    _active("DRAM_ACTIVE", "Share of time in which memory moved data", "dram_active"),
    _rate("PCIE_TX_BYTES", "Bytes a second sent over PCIe", "pcie_transmit"),
    _rate("PCIE_RX_BYTES", "Bytes a second received over PCIe", "pcie_receive"),
)
