"""What changes seldom: limits, settings, the link to the host, and damage to memory."""

from __future__ import annotations

from collections.abc import Mapping

import pynvml

from exporter.snapshot import RemappedRows
from exporter.sources.nvml.codes import UNSUPPORTED
from exporter.sources.nvml.fields import (
    ONCE,
    RARE,
    SLOW,
    Field,
    Handle,
    megahertz,
    percent,
    single,
    thousandth,
)
from exporter.sources.nvml.vitals import CLOCKS

ECC_KINDS = {
    "corrected": pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED,
    "uncorrected": pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
}
ECC_COUNTERS = {"volatile": pynvml.NVML_VOLATILE_ECC, "aggregate": pynvml.NVML_AGGREGATE_ECC}
ECC_LOCATIONS = {"dram": pynvml.NVML_MEMORY_LOCATION_DRAM, "sram": pynvml.NVML_MEMORY_LOCATION_SRAM}
RETIREMENT_CAUSES = {
    "single_bit": pynvml.NVML_PAGE_RETIREMENT_CAUSE_MULTIPLE_SINGLE_BIT_ECC_ERRORS,
    "double_bit": pynvml.NVML_PAGE_RETIREMENT_CAUSE_DOUBLE_BIT_ECC_ERROR,
}
TEMPERATURE_LIMITS = {
    "shutdown": pynvml.NVML_TEMPERATURE_THRESHOLD_SHUTDOWN,
    "slowdown": pynvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN,
    "memory_max": pynvml.NVML_TEMPERATURE_THRESHOLD_MEM_MAX,
    "gpu_max": pynvml.NVML_TEMPERATURE_THRESHOLD_GPU_MAX,
}
COMPUTE_MODES = {
    pynvml.NVML_COMPUTEMODE_DEFAULT: "default",
    pynvml.NVML_COMPUTEMODE_PROHIBITED: "prohibited",
    pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS: "exclusive_process",
}
BANKS = ("max", "high", "partial", "low", "none")
"""How many spare rows a bank of memory has left, as nvidia-smi words it."""


def fan_ratios(percents: tuple[int, ...]) -> Mapping[str, float]:
    """Name the fans by their numbers."""
    return {str(fan): percent(speed) for fan, speed in enumerate(percents)}


def remapped_rows(answer: tuple[int, int, int, int]) -> RemappedRows:
    """Name what `nvmlDeviceGetRemappedRows` answers."""
    correctable, uncorrectable, pending, failure = answer
    return RemappedRows(correctable, uncorrectable, bool(pending), bool(failure))


def _fans(handle: Handle) -> tuple[int, ...]:
    try:
        count = pynvml.nvmlDeviceGetNumFans(handle)
    except pynvml.NVMLError as error:
        if error.value not in UNSUPPORTED:
            raise
        return (pynvml.nvmlDeviceGetFanSpeed(handle),)
    return tuple(pynvml.nvmlDeviceGetFanSpeed_v2(handle, fan) for fan in range(count))


def _ecc(kind: str, counter: str) -> Field:
    kind_id, counter_id = ECC_KINDS[kind], ECC_COUNTERS[counter]
    return single(
        f"ecc_errors.{kind}.{counter}",
        lambda handle: pynvml.nvmlDeviceGetTotalEccErrors(handle, kind_id, counter_id),
        int,
        SLOW,
    )


def _ecc_at(kind: str, counter: str, location: str) -> Field:
    ids = ECC_KINDS[kind], ECC_COUNTERS[counter], ECC_LOCATIONS[location]
    return single(
        f"ecc_locations.{kind}.{counter}.{location}",
        lambda handle: pynvml.nvmlDeviceGetMemoryErrorCounter(handle, *ids),
        int,
        SLOW,
    )


def _retired(cause: str, cause_id: int) -> Field:
    return single(
        f"retired_pages.{cause}",
        lambda handle: pynvml.nvmlDeviceGetRetiredPages(handle, cause_id),
        len,
        RARE,
    )


def _temperature_limit(name: str, kind: int) -> Field:
    return single(
        f"temperature_limits.{name}",
        lambda handle: pynvml.nvmlDeviceGetTemperatureThreshold(handle, kind),
        float,
        ONCE,
    )


def _max_clock(name: str, kind: int) -> Field:
    return single(
        f"max_clocks.{name}",
        lambda handle: pynvml.nvmlDeviceGetMaxClockInfo(handle, kind),
        megahertz,
        SLOW,
    )


LIMITS: tuple[Field, ...] = (
    *(_temperature_limit(name, kind) for name, kind in TEMPERATURE_LIMITS.items()),
    Field(
        "power_limits",
        pynvml.nvmlDeviceGetPowerManagementLimitConstraints,
        {
            "power_limits.min": lambda limits: thousandth(limits[0]),
            "power_limits.max": lambda limits: thousandth(limits[1]),
        },
        SLOW,
    ),
    single(
        "power_limits.default", pynvml.nvmlDeviceGetPowerManagementDefaultLimit, thousandth, SLOW
    ),
    *(_max_clock(name, kind) for name, kind in CLOCKS.items()),
)

SETTINGS: tuple[Field, ...] = (
    single("fans", _fans, fan_ratios, SLOW),
    single("persistence_mode", pynvml.nvmlDeviceGetPersistenceMode, bool, SLOW),
    single("compute_mode", pynvml.nvmlDeviceGetComputeMode, COMPUTE_MODES.get, SLOW),
    single("ecc_enabled", pynvml.nvmlDeviceGetEccMode, lambda modes: bool(modes[0]), SLOW),
    single("pcie.generation", pynvml.nvmlDeviceGetCurrPcieLinkGeneration, int, SLOW),
    single("pcie.width", pynvml.nvmlDeviceGetCurrPcieLinkWidth, int, SLOW),
    single("pcie.max_generation", pynvml.nvmlDeviceGetMaxPcieLinkGeneration, int, SLOW),
    single("pcie.max_width", pynvml.nvmlDeviceGetMaxPcieLinkWidth, int, SLOW),
)

DAMAGE: tuple[Field, ...] = (
    *(_ecc(kind, counter) for kind in ECC_KINDS for counter in ECC_COUNTERS),
    *(
        _ecc_at(kind, counter, location)
        for kind in ECC_KINDS
        for counter in ECC_COUNTERS
        for location in ECC_LOCATIONS
    ),
    single("remapped_rows", pynvml.nvmlDeviceGetRemappedRows, remapped_rows, SLOW),
    single(
        "remapper_banks",
        pynvml.nvmlDeviceGetRowRemapperHistogram,
        lambda histogram: {bank: getattr(histogram, bank) for bank in BANKS},
        RARE,
    ),
    *(_retired(cause, cause_id) for cause, cause_id in RETIREMENT_CAUSES.items()),
    single(
        "retired_pages.pending",
        pynvml.nvmlDeviceGetRetiredPagesPendingStatus,
        bool,
        RARE,
    ),
)
