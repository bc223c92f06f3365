"""The table of what is read of a device: one row for one NVML call and what it answers.

To add a reading: a field of `exporter.snapshot.Gpu`, a row here, a row in the metric catalog.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

import pynvml

from exporter.snapshot import Gpu, PcieLink
from exporter.sources.nvml.codes import UNSUPPORTED

Handle = Any
Convert = Callable[[Any], Any]

THROTTLE_REASONS: Mapping[str, int] = {
    "gpu_idle": 0x1,
    "applications_clocks_setting": 0x2,
    "sw_power_cap": 0x4,
    "hw_slowdown": 0x8,
    "sync_boost": 0x10,
    "sw_thermal_slowdown": 0x20,
    "hw_thermal_slowdown": 0x40,
    "hw_power_brake_slowdown": 0x80,
    "display_clock_setting": 0x100,
    "board_limit": 0x200,
    "reliability": 0x400,
}
"""The bits `nvmlClocksEventReason*` of nvml.h, by the names that nvidia-smi gives them."""

ECC_KINDS = {
    "corrected": pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED,
    "uncorrected": pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
}
ECC_COUNTERS = {"volatile": pynvml.NVML_VOLATILE_ECC, "aggregate": pynvml.NVML_AGGREGATE_ECC}


class Field(NamedTuple):
    """One call: its name in the log, how to ask, and which parts to make of the answer.

    A part that is converted to None is not known. Parts are fields of `Gpu`, or `pcie_*` and
    `ecc_*`, which `assemble` puts together.
    """

    name: str
    read: Callable[[Handle], Any]
    parts: Mapping[str, Convert]


def single(name: str, read: Callable[[Handle], Any], convert: Convert) -> Field:
    """Return the row of a call that answers one value."""
    return Field(name, read, {name: convert})


def newest_of(*reads: Callable[[Handle], Any]) -> Callable[[Handle], Any]:
    """Return a read that asks the newest call first: an older driver has only the later ones."""

    def read(handle: Handle) -> Any:  # noqa: ANN401 - each call has its own answer
        for attempt in reads[:-1]:
            try:
                return attempt(handle)
            except pynvml.NVMLError as error:
                if error.value not in UNSUPPORTED:
                    raise
        return reads[-1](handle)

    return read


def thousandth(value: int) -> float:
    """Convert milliwatts and millijoules to watts and joules."""
    return value / 1e3


def megahertz(value: int) -> float:
    """Convert MHz to hertz."""
    return value * 1e6


def percent(value: int) -> float:
    """Convert percent to a ratio."""
    return value / 100


def performance_state(value: int) -> int | None:
    """Return 0 (fastest) to 15; NVML says 32 for *unknown*."""
    return None if value == pynvml.NVML_PSTATE_UNKNOWN else value


def compute_capability(value: tuple[int, int]) -> str:
    """Write (9, 0) as 9.0."""
    return f"{value[0]}.{value[1]}"


def throttle(masks: tuple[int, int]) -> Mapping[str, bool]:
    """Spread the masks (supported, current) over the names of the supported reasons."""
    supported, current = masks
    return {name: bool(current & bit) for name, bit in THROTTLE_REASONS.items() if supported & bit}


def _memory_v2(handle: Handle) -> Any:  # noqa: ANN401 - a structure of pynvml
    return pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)


def _temperature(handle: Handle) -> Any:  # noqa: ANN401 - an int from untyped code
    return pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)


def _temperature_v(handle: Handle) -> Any:  # noqa: ANN401 - as above
    return pynvml.nvmlDeviceGetTemperatureV(handle, pynvml.NVML_TEMPERATURE_GPU)


_supported_reasons = newest_of(
    pynvml.nvmlDeviceGetSupportedClocksEventReasons,
    pynvml.nvmlDeviceGetSupportedClocksThrottleReasons,
)
_current_reasons = newest_of(
    pynvml.nvmlDeviceGetCurrentClocksEventReasons,
    pynvml.nvmlDeviceGetCurrentClocksThrottleReasons,
)


def _throttle_masks(handle: Handle) -> tuple[int, int]:
    return _supported_reasons(handle), _current_reasons(handle)


def _clock(name: str, kind: int) -> Field:
    return single(name, lambda handle: pynvml.nvmlDeviceGetClockInfo(handle, kind), megahertz)


def _ecc(kind: str, counter: str) -> Field:
    kind_id, counter_id = ECC_KINDS[kind], ECC_COUNTERS[counter]
    return single(
        f"ecc_{kind}_{counter}",
        lambda handle: pynvml.nvmlDeviceGetTotalEccErrors(handle, kind_id, counter_id),
        int,
    )


FACTS: tuple[Field, ...] = (
    single("name", pynvml.nvmlDeviceGetName, str),
    single("serial", pynvml.nvmlDeviceGetSerial, str),
    single("vbios", pynvml.nvmlDeviceGetVbiosVersion, str),
    single("pci_bus_id", pynvml.nvmlDeviceGetPciInfo, attrgetter("busId")),
    single("compute_capability", pynvml.nvmlDeviceGetCudaComputeCapability, compute_capability),
)
"""What never changes while the library stays open."""

FIELDS: tuple[Field, ...] = (
    Field(
        "memory",
        newest_of(_memory_v2, pynvml.nvmlDeviceGetMemoryInfo),
        {
            "memory_total": attrgetter("total"),
            "memory_used": attrgetter("used"),
            "memory_free": attrgetter("free"),
            "memory_reserved": lambda memory: getattr(memory, "reserved", None),
        },
    ),
    Field(
        "utilization",
        pynvml.nvmlDeviceGetUtilizationRates,
        {
            "utilization": lambda rates: float(rates.gpu),
            "memory_utilization": lambda rates: percent(rates.memory),
        },
    ),
    single("temperature", newest_of(_temperature_v, _temperature), float),
    single("power", pynvml.nvmlDeviceGetPowerUsage, thousandth),
    single("power_limit", pynvml.nvmlDeviceGetEnforcedPowerLimit, thousandth),
    single("energy", pynvml.nvmlDeviceGetTotalEnergyConsumption, thousandth),
    _clock("sm_clock", pynvml.NVML_CLOCK_SM),
    _clock("memory_clock", pynvml.NVML_CLOCK_MEM),
    single("throttle", _throttle_masks, throttle),
    single("fan_ratio", pynvml.nvmlDeviceGetFanSpeed, percent),
    single("performance_state", pynvml.nvmlDeviceGetPerformanceState, performance_state),
    single("pcie_generation", pynvml.nvmlDeviceGetCurrPcieLinkGeneration, int),
    single("pcie_width", pynvml.nvmlDeviceGetCurrPcieLinkWidth, int),
    single("pcie_max_generation", pynvml.nvmlDeviceGetMaxPcieLinkGeneration, int),
    single("pcie_max_width", pynvml.nvmlDeviceGetMaxPcieLinkWidth, int),
    *(_ecc(kind, counter) for kind in ECC_KINDS for counter in ECC_COUNTERS),
)
"""What is read at every collection."""


def assemble(index: int, uuid: str, parts: Mapping[str, Any]) -> Gpu:
    """Return the GPU that these parts describe; missing parts are left unknown."""
    plain = {name: value for name, value in parts.items() if not name.startswith(("pcie_", "ecc_"))}
    link = PcieLink(*(parts.get(f"pcie_{name}") for name in PcieLink._fields))
    errors = {
        (kind, counter): parts[part]
        for kind in ECC_KINDS
        for counter in ECC_COUNTERS
        if (part := f"ecc_{kind}_{counter}") in parts
    }
    pcie = link if any(value is not None for value in link) else None
    return Gpu(index, uuid, pcie=pcie, ecc_errors=errors, **plain)
