"""GPU performance metrics (Hopper and later): averages over the time between two samples."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from ctypes import Structure, c_uint
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple

import pynvml

from exporter.sources.nvml.fields import Field, Handle, percent

MEBIBYTE = 1024 * 1024

ACTIVITY = {
    "graphics_active": 1,
    "sm_active": 2,
    "sm_occupancy": 3,
    "int_active": 4,
    "tensor_active": 5,
    "dram_active": 10,
    "fp64_active": 11,
    "fp32_active": 12,
    "fp16_active": 13,
}
"""Ids of metrics in percent."""
RATES = {"pcie_transmit": 20, "pcie_receive": 21, "nvlink_receive": 60, "nvlink_transmit": 61}
"""Ids of metrics in MiB/s."""

Take = Callable[[Any], object]
"""Fills a sample of the subject that is measured."""


class Measured(NamedTuple):
    """Ratios (0-1) and bytes per second, by name; what the GPU does not measure is missing."""

    activity: Mapping[str, float]
    rates: Mapping[str, float]


_IDS = (*ACTIVITY.values(), *RATES.values())


class _Question(Structure):
    """`nvmlGpmMetricsGet_t` with room for what we ask; the package's has room for all metrics."""

    _fields_: ClassVar = [
        ("version", c_uint),
        ("numMetrics", c_uint),
        ("sample1", pynvml.c_nvmlGpmSample_t),
        ("sample2", pynvml.c_nvmlGpmSample_t),
        ("metrics", pynvml.c_nvmlGpmMetric_t * len(_IDS)),
    ]


class Query:
    """The question for all metrics; its structure is built once and used again."""

    def __init__(self) -> None:
        self._question = _Question(pynvml.NVML_GPM_METRICS_GET_VERSION, len(_IDS))
        for place, metric_id in zip(self._question.metrics, _IDS, strict=True):
            place.metricId = metric_id

    def between(self, earlier: Any, later: Any) -> Measured:  # noqa: ANN401 - opaque samples
        """Return what is known of the time between two samples; raises NVMLError."""
        self._question.sample1, self._question.sample2 = earlier, later
        pynvml.nvmlGpmMetricsGet(self._question)
        known = {
            answer.metricId: answer.value
            for answer in self._question.metrics
            if answer.nvmlReturn == pynvml.NVML_SUCCESS and math.isfinite(answer.value)
        }
        return Measured(
            {name: percent(known[id_]) for name, id_ in ACTIVITY.items() if id_ in known},
            {name: known[id_] * MEBIBYTE for name, id_ in RATES.items() if id_ in known},
        )


class Meter:
    """Measures one subject: the GPU `gpu`, or a GPU instance of it."""

    def __init__(self, query: Query, gpu: Handle, take: Take) -> None:
        self._query = query
        self._gpu = gpu
        self._take = take
        self._can_measure = False
        self._earlier: Any = None
        self._spare: Any = None

    def read(self, _handle: Handle) -> Measured | None:
        """Return the averages since the last call; None the first time, or after a failure.

        Raises NVMLError, in particular that of a GPU which does not measure.
        """
        self._require_support()
        self._spare = self._spare or pynvml.nvmlGpmSampleAlloc()
        try:
            self._take(self._spare)
        except pynvml.NVMLError:
            # An average over a time with a hole in it would say nothing.
            self.close()
            raise
        earlier, self._earlier = self._earlier, self._spare
        self._spare = earlier
        return self._query.between(earlier, self._earlier) if earlier else None

    def _require_support(self) -> None:
        if self._can_measure:
            return
        if not pynvml.nvmlGpmQueryDeviceSupport(self._gpu).isSupportedDevice:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        self._can_measure = True

    def close(self) -> None:
        """Give the samples back, as must be done before the library is shut down."""
        _free(self._earlier)
        _free(self._spare)
        self._earlier = self._spare = None


def _free(sample: Any) -> None:  # noqa: ANN401 - opaque
    if sample:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlGpmSampleFree(sample)


def measuring(meter: Meter) -> Field:
    """Return the row of the tables that reads a meter."""
    parts = {"activity": attrgetter("activity"), "rates": attrgetter("rates")}
    return Field("gpm", meter.read, parts)
