"""What is read as *field values*: many numbers with one call, each with its own return code.

The ids are written down here. Those of the package follow the package's version, while the driver
has its own: ids from 251 on have moved between drivers.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import pynvml

from exporter.snapshot import RECOVERY_ACTIONS
from exporter.sources.nvml.fields import (
    EACH_TIME,
    NOT_AVAILABLE,
    ONCE,
    SLOW,
    Convert,
    thousandth,
)

_UNION_MEMBERS = {
    pynvml.NVML_VALUE_TYPE_DOUBLE: "dVal",
    pynvml.NVML_VALUE_TYPE_UNSIGNED_INT: "uiVal",
    pynvml.NVML_VALUE_TYPE_UNSIGNED_LONG: "ulVal",
    pynvml.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG: "ullVal",
    pynvml.NVML_VALUE_TYPE_SIGNED_LONG_LONG: "sllVal",
    pynvml.NVML_VALUE_TYPE_SIGNED_INT: "siVal",
}
_NARROW = frozenset({pynvml.NVML_VALUE_TYPE_UNSIGNED_INT, pynvml.NVML_VALUE_TYPE_SIGNED_INT})

_MODULE = 1


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """One field value: the part that it becomes, its id and scope, and how often it is read.

    `wide` asks for a counter of 64 bits: one of 32 wraps several times between two readings.
    """

    part: str
    id: int
    convert: Convert
    every: float = EACH_TIME
    scope: int = 0
    wide: bool = False


def nanoseconds(value: int) -> float:
    """Convert nanoseconds to seconds."""
    return value / 1e9


def signed(value: int) -> float:
    """Undo the cast to unsigned that some drivers make of a negative margin."""
    for bits in (32, 64):
        if 2 ** (bits - 1) <= value < 2**bits:
            return float(value - 2**bits)
    return float(value)


def recovery_action(value: int) -> str:
    """Name what the driver recommends; an action that is newer than we is `unknown`."""
    return RECOVERY_ACTIONS[value] if 0 <= value < len(RECOVERY_ACTIONS) else "unknown"


LINK_COUNT = Value("link_count", 91, int, ONCE)
"""How many NVLinks the board has, in use or not."""

_VALUES: tuple[Value, ...] = (
    Value("memory_temperature", 82, float),
    Value("power_instant", 186, thousandth),
    Value("module_power", 186, thousandth, scope=_MODULE),
    Value("pcie_bytes.transmit", 197, int, wide=True),
    Value("pcie_bytes.receive", 198, int, wide=True),
    Value("recovery_action", 230, recovery_action),
    Value("pcie_replays", 94, int, SLOW),
    Value("pcie_errors.correctable", 173, int, SLOW),
    Value("pcie_errors.non_fatal", 179, int, SLOW),
    Value("pcie_errors.fatal", 180, int, SLOW),
    Value("pcie_errors.unsupported_request", 181, int, SLOW),
    Value("margin_limits.shutdown", 193, signed, ONCE),
    Value("margin_limits.slowdown", 194, signed, ONCE),
    Value("margin_limits.memory_max", 195, signed, ONCE),
    Value("margin_limits.gpu_max", 196, signed, ONCE),
)

_THROTTLE_ALWAYS = {"sw_power_cap": 74, "sync_boost": 76}
_THROTTLE_SINCE: tuple[tuple[tuple[int, int], dict[str, int]], ...] = (
    (
        (580, 82),
        {"sw_thermal_slowdown": 269, "hw_thermal_slowdown": 270, "hw_power_brake_slowdown": 271},
    ),
    (
        (575, 0),
        {"sw_thermal_slowdown": 251, "hw_thermal_slowdown": 252, "hw_power_brake_slowdown": 253},
    ),
    ((0, 0), {"sw_thermal_slowdown": 75}),
)
"""The ids from a driver version on; other drivers have power-smoothing settings there."""


def throttle_ids(driver_version: str) -> dict[str, int]:
    """Return the ids of the throttle-time counters (ns) that this driver has, by reason.

    A version that cannot be read gets the ids alone that have never moved.
    """
    found = re.match(r"(\d+)\.(\d+)", driver_version)
    if found is None:
        return dict(_THROTTLE_ALWAYS)
    version = int(found[1]), int(found[2])
    moved = next(ids for since, ids in _THROTTLE_SINCE if version >= since)
    return {**_THROTTLE_ALWAYS, **moved}


@cache
def device_values(driver_version: str) -> tuple[Value, ...]:
    """Return what is read of every GPU with this driver."""
    throttled = throttle_ids(driver_version).items()
    times = (Value(f"throttle_seconds.{reason}", id_, nanoseconds) for reason, id_ in throttled)
    return (*_VALUES, *times)


def convert(value: Value, answer: Any) -> Any | None:  # noqa: ANN401 - a structure of pynvml
    """Return the part that a successful answer makes; None where its form is of no use."""
    member = _UNION_MEMBERS.get(answer.valueType)
    if member is None or (value.wide and answer.valueType in _NARROW):
        return None
    number = getattr(answer.value, member)
    # A margin of -1 looks the same.
    is_none = number in NOT_AVAILABLE and value.convert is not signed
    return None if is_none or not math.isfinite(number) else value.convert(number)
