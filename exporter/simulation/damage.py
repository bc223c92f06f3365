"""The C functions of NVML that tell of errors in memory, and of memory out of use."""

from __future__ import annotations

from collections.abc import Mapping
from ctypes import c_uint, c_ulonglong

from exporter.simulation.abi import DeviceFunction, Out, number, numbers, supported, write_number
from exporter.simulation.codes import NvmlFailure, Return
from exporter.simulation.hardware import SimulatedGpu
from exporter.simulation.structures import RemapperHistogram

DRAM = 2
SINGLE_BIT = 0
PAGE_BYTES = 0x10000
BANKS = 640


def _ecc_mode(gpu: SimulatedGpu) -> tuple[int | None, int | None]:
    enabled = int(bool(gpu.board.ecc_counters))
    return enabled, enabled


def _ecc_errors(gpu: SimulatedGpu, kind: int, counter: int, out: int) -> None:
    write_number(c_ulonglong, out, gpu.ecc_errors(kind, counter))


def _ecc_errors_at(gpu: SimulatedGpu, kind: int, counter: int, location: int, out: int) -> None:
    """All errors that the boards had were in their DRAM."""
    if location not in gpu.board.ecc_locations:
        raise NvmlFailure(Return.NOT_SUPPORTED)
    errors = supported(gpu.ecc_errors(kind, counter))
    write_number(c_ulonglong, out, errors if location == DRAM else 0)


def _remapped_rows(gpu: SimulatedGpu) -> tuple[int | None, ...]:
    if not gpu.remaps_rows:
        return (None,) * 4
    condition = gpu.condition
    return gpu.index, 0, int(condition.remap_pending), int(condition.remap_failed)


def _histogram(gpu: SimulatedGpu, out: int) -> None:
    if not gpu.remaps_rows:
        raise NvmlFailure(Return.NOT_SUPPORTED)
    histogram = RemapperHistogram.from_address(out)
    histogram.max, histogram.high = BANKS - gpu.index, gpu.index
    histogram.partial = histogram.low = histogram.none = 0


def _retired_pages(gpu: SimulatedGpu, cause: int, count: int, out: int | None) -> None:
    """Every second board had a page retired; without room for its address the call fails."""
    if not gpu.board.has_retired_pages:
        raise NvmlFailure(Return.NOT_SUPPORTED)
    pages = gpu.index % 2 if cause == SINGLE_BIT else 0
    room = c_uint.from_address(count)
    if pages > (room.value if out else 0):
        room.value = pages
        raise NvmlFailure(Return.INSUFFICIENT_SIZE)
    room.value = pages
    for page in range(pages):
        c_ulonglong.from_address((out or 0) + 8 * page).value = PAGE_BYTES * (page + 1)


DAMAGE_FUNCTIONS: Mapping[str, DeviceFunction] = {
    "nvmlDeviceGetEccMode": numbers(c_uint, _ecc_mode, 2),
    "nvmlDeviceGetTotalEccErrors": DeviceFunction((c_uint, c_uint, Out), _ecc_errors),
    "nvmlDeviceGetMemoryErrorCounter": DeviceFunction(
        (c_uint, c_uint, c_uint, Out), _ecc_errors_at
    ),
    "nvmlDeviceGetRemappedRows": numbers(c_uint, _remapped_rows, 4),
    "nvmlDeviceGetRowRemapperHistogram": DeviceFunction((Out,), _histogram),
    "nvmlDeviceGetRetiredPages": DeviceFunction((c_uint, Out, Out), _retired_pages),
    "nvmlDeviceGetRetiredPagesPendingStatus": number(
        c_uint, lambda gpu: 0 if gpu.board.has_retired_pages else None
    ),
}
