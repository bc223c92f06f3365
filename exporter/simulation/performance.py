"""GPU performance metrics: samples of counters, and averages of the time between two of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ctypes import c_void_p, sizeof
from itertools import count
from typing import NamedTuple

from exporter.simulation.abi import check_version
from exporter.simulation.codes import NvmlFailure, Return
from exporter.simulation.fieldvalues import NVLINK_BYTES_PER_SECOND, PCIE_BYTES_PER_SECOND
from exporter.simulation.hardware import SimulatedGpu
from exporter.simulation.structures import GpmMetric, GpmQuestion, GpmSupport

VERSION_1 = 1
MIB = 1024 * 1024


class _Sample(NamedTuple):
    """The counters of one subject at one time, in seconds."""

    subject: tuple[int, int | None]
    at: float
    busy: float
    links: int


_SHARES = {1: 1.0, 2: 0.95, 3: 0.4, 4: 0.1, 5: 0.6, 10: 0.5, 11: 0.0, 12: 0.08, 13: 0.05}
"""How many percent of a metric one percent of load makes, by the number of the metric."""

_RATES: Mapping[int, Callable[[int], float]] = {
    20: lambda _links: PCIE_BYTES_PER_SECOND[197],
    21: lambda _links: PCIE_BYTES_PER_SECOND[198],
    60: lambda links: links * NVLINK_BYTES_PER_SECOND,
    61: lambda links: links * NVLINK_BYTES_PER_SECOND,
}
"""Bytes per second at full load, by the number of the metric."""


class Samples:
    """All samples that callers hold."""

    def __init__(self) -> None:
        self._samples: dict[int, _Sample | None] = {}
        self._numbers = count(1)

    @property
    def held(self) -> int:
        """How many samples were made and not freed."""
        return len(self._samples)

    def make(self, out: int) -> None:
        """Answer `nvmlGpmSampleAlloc`."""
        number = next(self._numbers)
        self._samples[number] = None
        c_void_p.from_address(out).value = number

    def free(self, number: int | None) -> None:
        """Answer `nvmlGpmSampleFree`."""
        self._require(number)
        del self._samples[number or 0]

    def take(self, gpu: SimulatedGpu, number: int | None, gpu_instance: int | None = None) -> None:
        """Answer `nvmlGpmSampleGet`, or `nvmlGpmMigSampleGet` for an instance."""
        self._require(number)
        present = {slot.gpu_instance for slot in gpu.slots or () if slot}
        if not gpu.board.has_performance_metrics or (gpu_instance is None) != (gpu.slots is None):
            raise NvmlFailure(Return.NOT_SUPPORTED)
        if gpu_instance is not None and gpu_instance not in present:
            raise NvmlFailure(Return.INVALID_ARGUMENT)
        self._samples[number or 0] = _Sample(
            (gpu.index, gpu_instance), gpu.now, gpu.busy_seconds, len(gpu.links_up)
        )

    def answer(self, question_at: int) -> None:
        """Answer `nvmlGpmMetricsGet` in the caller's structure."""
        question = GpmQuestion.from_address(question_at)
        check_version(question.version, VERSION_1)
        earlier, later = self._taken(question.earlier), self._taken(question.later)
        seconds = later.at - earlier.at
        if earlier.subject != later.subject or seconds < 0:
            raise NvmlFailure(Return.INVALID_ARGUMENT)
        metrics = (GpmMetric * question.count).from_address(question_at + sizeof(GpmQuestion))
        load = (later.busy - earlier.busy) / seconds if seconds else float("nan")
        for metric in metrics:
            value = _value(metric.id, later, load)
            metric.code = Return.NOT_SUPPORTED if value is None else Return.SUCCESS
            metric.value = value or 0.0

    def _taken(self, number: int | None) -> _Sample:
        self._require(number)
        sample = self._samples[number or 0]
        if sample is None:
            raise NvmlFailure(Return.INVALID_ARGUMENT)
        return sample

    def _require(self, number: int | None) -> None:
        if (number or 0) not in self._samples:
            raise NvmlFailure(Return.INVALID_ARGUMENT)


def write_support(gpu: SimulatedGpu, out: int) -> None:
    """Answer `nvmlGpmQueryDeviceSupport`."""
    support = GpmSupport.from_address(out)
    check_version(support.version, VERSION_1)
    support.supported = int(gpu.board.has_performance_metrics)


def _value(number: int, sample: _Sample, load: float) -> float | None:
    if number in _SHARES:
        return 100 * load * _SHARES[number]
    rate = _RATES.get(number)
    if rate is None or sample.subject[1] is not None:
        return None
    return load * rate(sample.links) / MIB
