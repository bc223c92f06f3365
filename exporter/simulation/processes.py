"""Processes that compute on simulated GPUs, and the C functions that tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from ctypes import Structure, c_uint, c_ulonglong
from dataclasses import dataclass
from typing import Any, ClassVar

from exporter.simulation.abi import DeviceFunction, Out
from exporter.simulation.codes import NvmlFailure, Return
from exporter.simulation.hardware import SimulatedGpu

NOWHERE = 0xFFFFFFFF
"""The instance of a process on a GPU that is not divided."""
UNKNOWN_MEMORY = 2**64 - 1


class ProcessInfo(Structure):
    """`nvmlProcessInfo_t`."""

    _fields_: ClassVar = [
        ("pid", c_uint),
        ("memory", c_ulonglong),
        ("gpu_instance", c_uint),
        ("compute_instance", c_uint),
    ]


class ProcessSample(Structure):
    """`nvmlProcessUtilizationSample_t`: time in microseconds, percent."""

    _fields_: ClassVar = [
        ("pid", c_uint),
        ("time", c_ulonglong),
        ("sm", c_uint),
        ("memory", c_uint),
        ("encoder", c_uint),
        ("decoder", c_uint),
    ]


@dataclass(frozen=True, slots=True)
class SimulatedProcess:
    """A process: bytes that it holds, percent of time that it keeps multiprocessors at work.

    `idle_since` (seconds of the GPU's clock) is when it launched its last kernel, if it has.
    """

    pid: int
    memory: int = 0
    sm: int = 0
    gpu_instance: int = NOWHERE
    is_mps_client: bool = False
    idle_since: float | None = None


class ProcessTable:
    """Who computes where: processes by index of the GPU; all may be changed at any time.

    `nothing_new` is the answer without a sample: drivers differ between NOT_FOUND and SUCCESS.
    """

    def __init__(self) -> None:
        self.running: dict[int, tuple[SimulatedProcess, ...]] = {}
        self.nothing_new = Return.NOT_FOUND

    def functions(self) -> Mapping[str, DeviceFunction]:
        """Return the C functions by symbol."""
        lists = (Out, Out)
        return {
            "nvmlDeviceGetComputeRunningProcesses_v3": DeviceFunction(lists, self._compute),
            "nvmlDeviceGetMPSComputeRunningProcesses_v3": DeviceFunction(lists, self._mps),
            "nvmlDeviceGetProcessUtilization": DeviceFunction(
                (Out, Out, c_ulonglong), self._utilization
            ),
        }

    def _compute(self, gpu: SimulatedGpu, count: int, out: int | None) -> None:
        self._list(gpu, count, out, mps=False)

    def _mps(self, gpu: SimulatedGpu, count: int, out: int | None) -> None:
        self._list(gpu, count, out, mps=True)

    def _list(self, gpu: SimulatedGpu, count: int, out: int | None, *, mps: bool) -> None:
        found = [p for p in self.running.get(gpu.index, ()) if p.is_mps_client is mps]
        _require_room(count, out, len(found))
        for info, process in zip(_array(ProcessInfo, out, len(found)), found, strict=True):
            info.pid, info.memory = process.pid, process.memory
            info.gpu_instance = process.gpu_instance
            info.compute_instance = NOWHERE if process.gpu_instance == NOWHERE else 0

    def _utilization(self, gpu: SimulatedGpu, out: int | None, count: int, since: int) -> None:
        if gpu.slots is not None:
            raise NvmlFailure(Return.NOT_SUPPORTED)
        times = [
            (process, _sampled_at(process, gpu)) for process in self.running.get(gpu.index, ())
        ]
        found = [(process, at) for process, at in times if at > since]
        if not found:
            raise NvmlFailure(self.nothing_new)
        _require_room(count, out, len(found))
        samples = _array(ProcessSample, out, len(found))
        for sample, (process, at) in zip(samples, found, strict=True):
            sample.pid, sample.time, sample.sm = process.pid, at, process.sm


def _sampled_at(process: SimulatedProcess, gpu: SimulatedGpu) -> int:
    """Return when the driver last saw the process at work, in microseconds."""
    at = gpu.now if process.idle_since is None else min(process.idle_since, gpu.now)
    return int(at * 1e6)


def _require_room(count: int, out: int | None, needed: int) -> None:
    """Answer how many entries there are; fail where the caller has brought no room for them."""
    number = c_uint.from_address(count)
    room = number.value if out else 0
    number.value = needed
    if room < needed:
        raise NvmlFailure(Return.INSUFFICIENT_SIZE)


def _array(kind: type[Structure], out: int | None, length: int) -> Any:  # noqa: ANN401 - a C array
    return (kind * length).from_address(out) if out else ()
