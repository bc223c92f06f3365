"""What the driver's sample rings tell of each GPU: counters that outlive the library's sessions."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import pynvml

from exporter.sources.nvml.codes import UNSUPPORTED
from exporter.sources.nvml.fields import NOT_AVAILABLE, Field, Handle, thousandth
from exporter.sources.nvml.integral import BusyTime, Extremes, Sample

# By `nvmlValueType_t`: the member of the union that holds the value.
_MEMBERS = tuple(
    attrgetter(f"sampleValue.{name}")
    for name in ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
)


class Meter:
    """The counters of one GPU; `fields` are the rows that keep them going."""

    def __init__(self) -> None:
        self._busy = BusyTime()
        self._power = Extremes()
        self.fields: tuple[Field, ...] = (
            Field(
                "utilization_samples",
                self._read_busy,
                {
                    "busy_seconds": lambda busy: busy.seconds if busy.known else None,
                    "busy_gap_seconds": lambda busy: busy.gap_seconds if busy.known else None,
                },
            ),
            Field(
                "power_samples",
                self._read_power,
                {
                    "power_min": lambda extent: thousandth(extent[0]),
                    "power_max": lambda extent: thousandth(extent[1]),
                },
            ),
        )

    def _read_busy(self, handle: Handle) -> BusyTime:
        ring = _ring(handle, pynvml.NVML_GPU_UTILIZATION_SAMPLES)
        idle = not self._busy.is_news(ring) and _is_idle(handle)
        self._busy.take(ring, idle=idle)
        return self._busy

    def _read_power(self, handle: Handle) -> tuple[float, float] | None:
        ring = _ring(handle, pynvml.NVML_TOTAL_POWER_SAMPLES)
        known = (s for s in ring if s.value > 0 and s.value not in NOT_AVAILABLE)
        return self._power.take(known)


class Meters:
    """The meters of all GPUs that were ever read."""

    def __init__(self) -> None:
        self._meters: dict[str, Meter] = {}

    def fields(self, uuid: str) -> tuple[Field, ...]:
        """Return the rows that are read of the GPU with this uuid."""
        return self._meters.setdefault(uuid, Meter()).fields


def _ring(handle: Handle, kind: int) -> list[Sample]:
    """Return all that a ring holds.

    Not what is newer than a time: a driver whose clock was set back would answer nothing until it
    has caught up.
    """
    try:
        kind_of_value, found = _samples(handle, kind)
    except pynvml.NVMLError_NotFound:
        return []
    if kind_of_value >= len(_MEMBERS):
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
    value = _MEMBERS[kind_of_value]
    return [Sample(sample.timeStamp, value(sample)) for sample in found if sample.timeStamp]


def _samples(handle: Handle, kind: int) -> tuple[int, list[Any]]:
    """Return the type of the values, and the samples; raises NVMLError."""
    try:
        return pynvml.nvmlDeviceGetSamples(handle, kind, 0)  # type: ignore[no-any-return] # untyped
    except pynvml.NVMLError_InsufficientSize:
        # It has grown since the binding asked how long it is.
        return pynvml.nvmlDeviceGetSamples(handle, kind, 0)  # type: ignore[no-any-return] # untyped


def _is_idle(handle: Handle) -> bool:
    try:
        return bool(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu == 0)
    except pynvml.NVMLError as error:
        if error.value in UNSUPPORTED:
            return False
        raise
