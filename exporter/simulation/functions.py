"""The C functions of NVML that the stand-in has: argument types, and what each writes where.

`Out` arguments are addresses of the caller's memory, as in C.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from ctypes import c_int, c_uint, c_ulonglong, c_void_p
from typing import Any, NamedTuple

from exporter.simulation.codes import NvmlFailure, Return
from exporter.simulation.hardware import SimulatedGpu
from exporter.simulation.structures import (
    MEMORY_V2,
    TEMPERATURE_V1,
    FieldValue,
    Memory,
    MemoryV2,
    PciInfo,
    Temperature,
    Utilization,
)

Out = c_void_p
SENSOR_CORE = 0
CLOCK_GRAPHICS, CLOCK_SM, CLOCK_MEMORY, CLOCK_VIDEO = 0, 1, 2, 3
PCIE_SENT = 0


class DeviceFunction(NamedTuple):
    """A function whose first argument is a device: the types of the others, and its work."""

    argtypes: tuple[type[Any], ...]
    call: Callable[..., None]


def supported(value: int | str | None) -> Any:  # noqa: ANN401 - gives back what it was given
    """Return `value`; None fails the call as not supported."""
    if value is None:
        raise NvmlFailure(Return.NOT_SUPPORTED)
    return value


def write_number(kind: type[Any], out: int, value: int | None) -> None:
    """Store `value` as the C type `kind` at the address `out`."""
    kind.from_address(out).value = supported(value)


def write_text(out: int, size: int, value: str | None) -> None:
    """Store `value` with its terminating zero in a buffer of `size` bytes at `out`.

    Surrogates stand for bytes that are no text, as a damaged board gives.
    """
    data = supported(value).encode(errors="surrogateescape") + b"\0"
    if len(data) > size:
        raise NvmlFailure(Return.INSUFFICIENT_SIZE)
    ctypes.memmove(out, data, len(data))


def _number(kind: type[Any], value: Callable[[SimulatedGpu], int | None]) -> DeviceFunction:
    return DeviceFunction((Out,), lambda gpu, out: write_number(kind, out, value(gpu)))


def _text(value: Callable[[SimulatedGpu], str | None]) -> DeviceFunction:
    return DeviceFunction((Out, c_uint), lambda gpu, out, size: write_text(out, size, value(gpu)))


def _memory(gpu: SimulatedGpu, out: int) -> None:
    memory, board = Memory.from_address(out), gpu.board
    memory.total = board.memory_total
    memory.used = gpu.memory_used + board.memory_reserved
    memory.free = memory.total - memory.used


def _memory_v2(gpu: SimulatedGpu, out: int) -> None:
    memory, board = MemoryV2.from_address(out), gpu.board
    if memory.version != MEMORY_V2:
        raise NvmlFailure(Return.ARGUMENT_VERSION_MISMATCH)
    memory.total = board.memory_total
    memory.reserved = board.memory_reserved
    memory.used = gpu.memory_used
    memory.free = memory.total - memory.used - memory.reserved


def _utilization(gpu: SimulatedGpu, out: int) -> None:
    rates = Utilization.from_address(out)
    rates.gpu, rates.memory = round(100 * gpu.load), round(60 * gpu.load)


def _media_utilization(_gpu: SimulatedGpu, percent: int, period: int) -> None:
    write_number(c_uint, percent, 0)
    write_number(c_uint, period, 167_000)


def _temperature(gpu: SimulatedGpu, sensor: int, out: int) -> None:
    write_number(c_uint, out, gpu.temperature if sensor == SENSOR_CORE else None)


def _temperature_v1(gpu: SimulatedGpu, out: int) -> None:
    reading = Temperature.from_address(out)
    if reading.version != TEMPERATURE_V1:
        raise NvmlFailure(Return.ARGUMENT_VERSION_MISMATCH)
    reading.temperature = supported(gpu.temperature if reading.sensor == SENSOR_CORE else None)


def _clock(gpu: SimulatedGpu, kind: int, out: int) -> None:
    clocks = {
        CLOCK_GRAPHICS: gpu.sm_clock,
        CLOCK_SM: gpu.sm_clock,
        CLOCK_MEMORY: gpu.board.memory_clock,
        CLOCK_VIDEO: gpu.sm_clock * 9 // 10,
    }
    write_number(c_uint, out, clocks.get(kind))


def _pcie_throughput(gpu: SimulatedGpu, counter: int, out: int) -> None:
    write_number(c_uint, out, round(gpu.load * (120_000 if counter == PCIE_SENT else 480_000)))


def _processes(_gpu: SimulatedGpu, count: int, _out: int) -> None:
    write_number(c_uint, count, 0)


def _field_values(_gpu: SimulatedGpu, count: int, out: int) -> None:
    for value in (FieldValue * count).from_address(out):
        value.code = Return.NOT_SUPPORTED


def _ecc_errors(gpu: SimulatedGpu, kind: int, counter: int, out: int) -> None:
    write_number(c_ulonglong, out, gpu.ecc_errors(kind, counter))


def _compute_capability(gpu: SimulatedGpu, major: int, minor: int) -> None:
    for out, value in zip((major, minor), gpu.board.compute_capability, strict=True):
        write_number(c_int, out, value)


def _pci_info(gpu: SimulatedGpu, out: int) -> None:
    info = PciInfo.from_address(out)
    domain, bus, device_and_function = gpu.pci_bus_id.split(":")
    info.domain, info.bus, info.device = int(domain, 16), int(bus, 16), 0
    info.bus_id = gpu.pci_bus_id.encode()
    info.bus_id_legacy = f"{domain[4:]}:{bus}:{device_and_function}".encode()


_SUPPORTED_REASONS = _number(c_ulonglong, lambda gpu: gpu.board.supported_throttle_reasons)
_CURRENT_REASONS = _number(c_ulonglong, lambda gpu: gpu.throttle_reasons)
_POWER_LIMIT = _number(c_uint, lambda gpu: round(1000 * gpu.board.power_limit))
_PCIE_GENERATION = _number(c_uint, lambda gpu: gpu.board.pcie_generation)
_PCIE_WIDTH = _number(c_uint, lambda gpu: gpu.board.pcie_width)

DEVICE_FUNCTIONS: Mapping[str, DeviceFunction] = {
    "nvmlDeviceGetName": _text(lambda gpu: gpu.board.name),
    "nvmlDeviceGetUUID": _text(lambda gpu: gpu.uuid),
    "nvmlDeviceGetSerial": _text(lambda gpu: gpu.serial),
    "nvmlDeviceGetVbiosVersion": _text(lambda gpu: gpu.board.vbios),
    "nvmlDeviceGetPciInfo_v3": DeviceFunction((Out,), _pci_info),
    "nvmlDeviceGetCudaComputeCapability": DeviceFunction((Out, Out), _compute_capability),
    "nvmlDeviceGetMemoryInfo": DeviceFunction((Out,), _memory),
    "nvmlDeviceGetMemoryInfo_v2": DeviceFunction((Out,), _memory_v2),
    "nvmlDeviceGetUtilizationRates": DeviceFunction((Out,), _utilization),
    "nvmlDeviceGetTemperature": DeviceFunction((c_uint, Out), _temperature),
    "nvmlDeviceGetTemperatureV": DeviceFunction((Out,), _temperature_v1),
    "nvmlDeviceGetPowerUsage": _number(c_uint, lambda gpu: round(1000 * gpu.power)),
    "nvmlDeviceGetPowerManagementLimit": _POWER_LIMIT,
    "nvmlDeviceGetEnforcedPowerLimit": _POWER_LIMIT,
    "nvmlDeviceGetTotalEnergyConsumption": _number(c_ulonglong, lambda gpu: int(1000 * gpu.energy)),
    "nvmlDeviceGetClockInfo": DeviceFunction((c_uint, Out), _clock),
    "nvmlDeviceGetFanSpeed": _number(c_uint, lambda gpu: gpu.board.fan_percent),
    "nvmlDeviceGetPerformanceState": _number(c_uint, lambda gpu: gpu.board.performance_state),
    "nvmlDeviceGetSupportedClocksEventReasons": _SUPPORTED_REASONS,
    "nvmlDeviceGetSupportedClocksThrottleReasons": _SUPPORTED_REASONS,
    "nvmlDeviceGetCurrentClocksEventReasons": _CURRENT_REASONS,
    "nvmlDeviceGetCurrentClocksThrottleReasons": _CURRENT_REASONS,
    "nvmlDeviceGetEncoderUtilization": DeviceFunction((Out, Out), _media_utilization),
    "nvmlDeviceGetDecoderUtilization": DeviceFunction((Out, Out), _media_utilization),
    "nvmlDeviceGetComputeRunningProcesses_v3": DeviceFunction((Out, Out), _processes),
    "nvmlDeviceGetGraphicsRunningProcesses_v3": DeviceFunction((Out, Out), _processes),
    "nvmlDeviceGetPcieThroughput": DeviceFunction((c_uint, Out), _pcie_throughput),
    "nvmlDeviceGetFieldValues": DeviceFunction((c_int, Out), _field_values),
    "nvmlDeviceGetTotalEccErrors": DeviceFunction((c_uint, c_uint, Out), _ecc_errors),
    "nvmlDeviceGetCurrPcieLinkGeneration": _PCIE_GENERATION,
    "nvmlDeviceGetMaxPcieLinkGeneration": _PCIE_GENERATION,
    "nvmlDeviceGetCurrPcieLinkWidth": _PCIE_WIDTH,
    "nvmlDeviceGetMaxPcieLinkWidth": _PCIE_WIDTH,
}
