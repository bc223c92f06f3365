"""The C functions of NVML that tell of a whole GPU: argument types, and what each writes where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ctypes import c_int, c_uint, c_ulonglong

from exporter.simulation.abi import (
    DeviceFunction,
    Out,
    check_version,
    number,
    numbers,
    supported,
    text,
    write_number,
)
from exporter.simulation.codes import NvmlFailure, Return
from exporter.simulation.damage import DAMAGE_FUNCTIONS
from exporter.simulation.fieldvalues import field_values
from exporter.simulation.hardware import SimulatedGpu
from exporter.simulation.structures import (
    MARGIN_TEMPERATURE_V1,
    MEMORY_V2,
    TEMPERATURE_V1,
    Bar1Memory,
    MarginTemperature,
    Memory,
    MemoryV2,
    PciInfo,
    Temperature,
    Utilization,
)

SENSOR_CORE = 0
CLOCK_GRAPHICS, CLOCK_SM, CLOCK_MEMORY, CLOCK_VIDEO = 0, 1, 2, 3
PCIE_SENT = 0
SAMPLING_MICROSECONDS = 167_000


def _memory(gpu: SimulatedGpu, out: int) -> None:
    memory, board = Memory.from_address(out), gpu.board
    memory.total = board.memory_total
    memory.used = gpu.memory_used + board.memory_reserved
    memory.free = memory.total - memory.used


def _memory_v2(gpu: SimulatedGpu, out: int) -> None:
    memory, board = MemoryV2.from_address(out), gpu.board
    check_version(memory.version, MEMORY_V2)
    memory.total = board.memory_total
    memory.reserved = board.memory_reserved
    memory.used = gpu.memory_used
    memory.free = memory.total - memory.used - memory.reserved


def _bar1(gpu: SimulatedGpu, out: int) -> None:
    memory = Bar1Memory.from_address(out)
    memory.total = gpu.board.bar1_total
    memory.used = gpu.board.bar1_total // 64
    memory.free = memory.total - memory.used


def _utilization(gpu: SimulatedGpu, out: int) -> None:
    if gpu.slots is not None:
        raise NvmlFailure(Return.NOT_SUPPORTED)
    rates = Utilization.from_address(out)
    rates.gpu, rates.memory = round(100 * gpu.load), round(60 * gpu.load)


def _engine(name: str) -> DeviceFunction:
    def values(gpu: SimulatedGpu) -> tuple[int | None, int]:
        idle = 0 if name in gpu.board.engines and gpu.slots is None else None
        return idle, SAMPLING_MICROSECONDS

    return numbers(c_uint, values, 2)


def _temperature(gpu: SimulatedGpu, sensor: int, out: int) -> None:
    write_number(c_uint, out, gpu.temperature if sensor == SENSOR_CORE else None)


def _temperature_v1(gpu: SimulatedGpu, out: int) -> None:
    reading = Temperature.from_address(out)
    check_version(reading.version, TEMPERATURE_V1)
    reading.temperature = supported(gpu.temperature if reading.sensor == SENSOR_CORE else None)


def _margin(gpu: SimulatedGpu, out: int) -> None:
    reading = MarginTemperature.from_address(out)
    check_version(reading.version, MARGIN_TEMPERATURE_V1)
    reading.margin = supported(gpu.temperature_margin)


def _temperature_threshold(gpu: SimulatedGpu, kind: int, out: int) -> None:
    write_number(c_uint, out, gpu.board.temperature_limits.get(kind))


def _clock(gpu: SimulatedGpu, kind: int, out: int) -> None:
    write_number(c_uint, out, _clocks(gpu, gpu.sm_clock).get(kind))


def _max_clock(gpu: SimulatedGpu, kind: int, out: int) -> None:
    write_number(c_uint, out, _clocks(gpu, gpu.board.sm_clock_max).get(kind))


def _clocks(gpu: SimulatedGpu, sm_clock: int) -> Mapping[int, int]:
    return {
        CLOCK_GRAPHICS: sm_clock,
        CLOCK_SM: sm_clock,
        CLOCK_MEMORY: gpu.board.memory_clock,
        CLOCK_VIDEO: sm_clock * 9 // 10,
    }


def _fan_speed(gpu: SimulatedGpu, fan: int, out: int) -> None:
    if fan >= gpu.board.fans:
        raise NvmlFailure(Return.INVALID_ARGUMENT)
    write_number(c_uint, out, gpu.board.fan_percent)


def _pcie_throughput(gpu: SimulatedGpu, counter: int, out: int) -> None:
    write_number(c_uint, out, round(gpu.load * (120_000 if counter == PCIE_SENT else 480_000)))


def _nvlink_state(gpu: SimulatedGpu, link: int, out: int) -> None:
    if not gpu.board.nvlinks:
        raise NvmlFailure(Return.NOT_SUPPORTED)
    if link >= gpu.board.nvlinks:
        raise NvmlFailure(Return.INVALID_ARGUMENT)
    write_number(c_uint, out, int(link in gpu.links_up))


def _processes(_gpu: SimulatedGpu, count: int, _out: int) -> None:
    write_number(c_uint, count, 0)


def _compute_capability(gpu: SimulatedGpu) -> tuple[int, int]:
    return gpu.board.compute_capability


def _pci_info(gpu: SimulatedGpu, out: int) -> None:
    info = PciInfo.from_address(out)
    domain, bus, device_and_function = gpu.pci_bus_id.split(":")
    info.domain, info.bus, info.device = int(domain, 16), int(bus, 16), 0
    info.bus_id = gpu.pci_bus_id.encode()
    info.bus_id_legacy = f"{domain[4:]}:{bus}:{device_and_function}".encode()


def _milliwatts(watts: Callable[[SimulatedGpu], float]) -> DeviceFunction:
    return number(c_uint, lambda gpu: round(1000 * watts(gpu)))


_SUPPORTED_REASONS = number(c_ulonglong, lambda gpu: gpu.board.supported_throttle_reasons)
_CURRENT_REASONS = number(c_ulonglong, lambda gpu: gpu.throttle_reasons)
_POWER_LIMIT = _milliwatts(lambda gpu: gpu.board.power_limit)
_PCIE_GENERATION = number(c_uint, lambda gpu: gpu.board.pcie_generation)

DEVICE_FUNCTIONS: Mapping[str, DeviceFunction] = {
    "nvmlDeviceGetName": text(lambda gpu: gpu.board.name),
    "nvmlDeviceGetUUID": text(lambda gpu: gpu.uuid),
    "nvmlDeviceGetMinorNumber": number(c_uint, lambda gpu: gpu.index),
    "nvmlDeviceGetSerial": text(lambda gpu: gpu.serial),
    "nvmlDeviceGetVbiosVersion": text(lambda gpu: gpu.board.vbios),
    "nvmlDeviceGetPciInfo_v3": DeviceFunction((Out,), _pci_info),
    "nvmlDeviceGetCudaComputeCapability": numbers(c_int, _compute_capability, 2),
    "nvmlDeviceGetMemoryInfo": DeviceFunction((Out,), _memory),
    "nvmlDeviceGetMemoryInfo_v2": DeviceFunction((Out,), _memory_v2),
    "nvmlDeviceGetBAR1MemoryInfo": DeviceFunction((Out,), _bar1),
    "nvmlDeviceGetUtilizationRates": DeviceFunction((Out,), _utilization),
    "nvmlDeviceGetEncoderUtilization": _engine("encoder"),
    "nvmlDeviceGetDecoderUtilization": _engine("decoder"),
    "nvmlDeviceGetJpgUtilization": _engine("jpeg"),
    "nvmlDeviceGetOfaUtilization": _engine("optical_flow"),
    "nvmlDeviceGetTemperature": DeviceFunction((c_uint, Out), _temperature),
    "nvmlDeviceGetTemperatureV": DeviceFunction((Out,), _temperature_v1),
    "nvmlDeviceGetMarginTemperature": DeviceFunction((Out,), _margin),
    "nvmlDeviceGetTemperatureThreshold": DeviceFunction((c_uint, Out), _temperature_threshold),
    "nvmlDeviceGetPowerUsage": _milliwatts(lambda gpu: gpu.power),
    "nvmlDeviceGetPowerManagementLimit": _POWER_LIMIT,
    "nvmlDeviceGetPowerManagementDefaultLimit": _POWER_LIMIT,
    "nvmlDeviceGetEnforcedPowerLimit": _POWER_LIMIT,
    "nvmlDeviceGetPowerManagementLimitConstraints": numbers(
        c_uint,
        lambda gpu: (round(200 * gpu.board.power_limit), round(1000 * gpu.board.power_limit)),
        2,
    ),
    "nvmlDeviceGetTotalEnergyConsumption": number(c_ulonglong, lambda gpu: int(1000 * gpu.energy)),
    "nvmlDeviceGetClockInfo": DeviceFunction((c_uint, Out), _clock),
    "nvmlDeviceGetMaxClockInfo": DeviceFunction((c_uint, Out), _max_clock),
    "nvmlDeviceGetFanSpeed": number(c_uint, lambda gpu: gpu.board.fan_percent),
    "nvmlDeviceGetFanSpeed_v2": DeviceFunction((c_uint, Out), _fan_speed),
    "nvmlDeviceGetNumFans": number(
        c_uint, lambda gpu: gpu.board.fans if gpu.board.fan_percent is not None else None
    ),
    "nvmlDeviceGetPerformanceState": number(c_uint, lambda gpu: gpu.board.performance_state),
    "nvmlDeviceGetSupportedClocksEventReasons": _SUPPORTED_REASONS,
    "nvmlDeviceGetSupportedClocksThrottleReasons": _SUPPORTED_REASONS,
    "nvmlDeviceGetCurrentClocksEventReasons": _CURRENT_REASONS,
    "nvmlDeviceGetCurrentClocksThrottleReasons": _CURRENT_REASONS,
    "nvmlDeviceGetPersistenceMode": number(c_uint, lambda _gpu: 1),
    "nvmlDeviceGetComputeMode": number(c_uint, lambda _gpu: 0),
    "nvmlDeviceGetMigMode": numbers(c_uint, lambda gpu: (gpu.mig_mode, gpu.mig_mode), 2),
    "nvmlDeviceGetMaxMigDeviceCount": number(c_uint, lambda gpu: gpu.board.mig_slices),
    "nvmlDeviceGetComputeRunningProcesses_v3": DeviceFunction((Out, Out), _processes),
    "nvmlDeviceGetGraphicsRunningProcesses_v3": DeviceFunction((Out, Out), _processes),
    "nvmlDeviceGetPcieThroughput": DeviceFunction((c_uint, Out), _pcie_throughput),
    "nvmlDeviceGetFieldValues": DeviceFunction((c_int, Out), field_values),
    "nvmlDeviceGetNvLinkState": DeviceFunction((c_uint, Out), _nvlink_state),
    "nvmlDeviceGetCurrPcieLinkGeneration": _PCIE_GENERATION,
    "nvmlDeviceGetMaxPcieLinkGeneration": _PCIE_GENERATION,
    "nvmlDeviceGetCurrPcieLinkWidth": number(c_uint, lambda gpu: gpu.board.pcie_width),
    "nvmlDeviceGetMaxPcieLinkWidth": number(c_uint, lambda gpu: gpu.board.pcie_width_max),
    **DAMAGE_FUNCTIONS,
}
