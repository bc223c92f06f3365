"""What moves from second to second, by calls that cost microseconds.

Energy (2.5 ms) and the temperature margin (0.6 ms) are the dearest of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import pynvml

from exporter.sources.nvml.fields import (
    SLOW,
    Field,
    Handle,
    megahertz,
    newest_of,
    percent,
    single,
    thousandth,
)

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

CLOCKS = {
    "sm": pynvml.NVML_CLOCK_SM,
    "memory": pynvml.NVML_CLOCK_MEM,
    "graphics": pynvml.NVML_CLOCK_GRAPHICS,
    "video": pynvml.NVML_CLOCK_VIDEO,
}
ENGINES = {
    "encoder": pynvml.nvmlDeviceGetEncoderUtilization,
    "decoder": pynvml.nvmlDeviceGetDecoderUtilization,
    "jpeg": pynvml.nvmlDeviceGetJpgUtilization,
    "optical_flow": pynvml.nvmlDeviceGetOfaUtilization,
}


def throttle(masks: tuple[int, int]) -> Mapping[str, bool]:
    """Spread the masks (supported, current) over the names of the supported reasons."""
    supported, current = masks
    return {name: bool(current & bit) for name, bit in THROTTLE_REASONS.items() if supported & bit}


def performance_state(value: int) -> int | None:
    """Return 0 (fastest) to 15; NVML says 32 for *unknown*."""
    return None if value == pynvml.NVML_PSTATE_UNKNOWN else value


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
    return single(
        f"clocks.{name}", lambda handle: pynvml.nvmlDeviceGetClockInfo(handle, kind), megahertz
    )


def _engine(name: str, read: Callable[[Handle], Any]) -> Field:
    return single(f"engines.{name}", read, lambda answer: percent(answer[0]))


MEMORY = Field(
    "memory",
    newest_of(_memory_v2, pynvml.nvmlDeviceGetMemoryInfo),
    {
        "memory_total": attrgetter("total"),
        "memory_used": attrgetter("used"),
        "memory_free": attrgetter("free"),
        "memory_reserved": lambda memory: getattr(memory, "reserved", None),
    },
)

VITALS: tuple[Field, ...] = (
    MEMORY,
    Field(
        "bar1",
        pynvml.nvmlDeviceGetBAR1MemoryInfo,
        {"bar1_total": attrgetter("bar1Total"), "bar1_used": attrgetter("bar1Used")},
        SLOW,
    ),
    Field(
        "utilization",
        pynvml.nvmlDeviceGetUtilizationRates,
        {
            "utilization": lambda rates: float(rates.gpu),
            "memory_utilization": lambda rates: percent(rates.memory),
        },
    ),
    *(_engine(name, read) for name, read in ENGINES.items()),
    single("temperature", newest_of(_temperature_v, _temperature), float),
    single("temperature_margin", pynvml.nvmlDeviceGetMarginTemperature, float),
    single("power", pynvml.nvmlDeviceGetPowerUsage, thousandth),
    single("power_limit", pynvml.nvmlDeviceGetEnforcedPowerLimit, thousandth),
    single("energy", pynvml.nvmlDeviceGetTotalEnergyConsumption, thousandth),
    *(_clock(name, kind) for name, kind in CLOCKS.items()),
    single("throttle", _throttle_masks, throttle),
    single("performance_state", pynvml.nvmlDeviceGetPerformanceState, performance_state),
    single("mig_mode", pynvml.nvmlDeviceGetMigMode, lambda modes: bool(modes[0])),
)
