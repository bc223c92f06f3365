"""MIG devices of the stand-in: what NVML tells of an instance of a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from ctypes import c_uint
from dataclasses import dataclass

from exporter.simulation.abi import (
    DeviceFunction,
    Out,
    check_version,
    supported,
    write_number,
    write_text,
)
from exporter.simulation.boards import MIB
from exporter.simulation.codes import NvmlFailure, Return
from exporter.simulation.hardware import SimulatedGpu
from exporter.simulation.partition import Slot
from exporter.simulation.structures import MEMORY_V2, DeviceAttributes, Memory, MemoryV2

MIG_NAMESPACE = 0x316


@dataclass(frozen=True, slots=True)
class SimulatedInstance:
    """One MIG device of a GPU at one moment."""

    gpu: SimulatedGpu
    slot: Slot

    @property
    def uuid(self) -> str:
        """An id as long as a real one, the same for the same place on every such machine."""
        host = self.gpu.machine << 32
        part = (self.slot.gpu_instance << 8) + self.slot.compute_instance
        place = host + (self.gpu.index << 16) + part
        digits = f"{(MIG_NAMESPACE << 80) + place:028x}"
        return f"MIG-SIM-{digits[:4]}-{digits[4:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:]}"

    @property
    def name(self) -> str:
        """The name of the board, and the profile."""
        return f"{self.gpu.board.name} MIG {self.slot.profile}"

    @property
    def memory_total(self) -> int:
        """Bytes of the GPU instance."""
        usable = self.gpu.board.memory_total - self.gpu.board.memory_reserved
        return usable * self.slot.memory_slices // 8 // MIB * MIB

    @property
    def memory_used(self) -> int:
        """Bytes held by processes in the GPU instance."""
        return self.gpu.memory_used * self.slot.memory_slices // 8 // MIB * MIB

    @property
    def multiprocessors(self) -> int:
        """Multiprocessors of the GPU instance: an eighth of the GPU's for each slice."""
        return self.gpu.board.multiprocessors // 8 * self.slot.compute_slices


def instance_of(gpu: SimulatedGpu, slot: int) -> SimulatedInstance:
    """Return the MIG device in a slot; fails the call where there is none."""
    if gpu.slots is None or slot >= len(gpu.slots):
        raise NvmlFailure(Return.INVALID_ARGUMENT)
    found = gpu.slots[slot]
    if found is None:
        raise NvmlFailure(Return.NOT_FOUND)
    return SimulatedInstance(gpu, found)


def _name(instance: SimulatedInstance, out: int, size: int) -> None:
    write_text(out, size, instance.name)


def _uuid(instance: SimulatedInstance, out: int, size: int) -> None:
    write_text(out, size, instance.uuid)


def _memory(instance: SimulatedInstance, out: int) -> None:
    memory = Memory.from_address(out)
    memory.total, memory.used = instance.memory_total, instance.memory_used
    memory.free = memory.total - memory.used


def _memory_v2(instance: SimulatedInstance, out: int) -> None:
    memory = MemoryV2.from_address(out)
    check_version(memory.version, MEMORY_V2)
    memory.total, memory.used, memory.reserved = instance.memory_total, instance.memory_used, 0
    memory.free = memory.total - memory.used


def _gpu_instance(instance: SimulatedInstance, out: int) -> None:
    write_number(c_uint, out, instance.slot.gpu_instance)


def _compute_instance(instance: SimulatedInstance, out: int) -> None:
    write_number(c_uint, out, instance.slot.compute_instance)


def _attributes(instance: SimulatedInstance, out: int) -> None:
    attributes = DeviceAttributes.from_address(out)
    attributes.multiprocessors = supported(instance.multiprocessors)
    attributes.compute_slices_of_gpu = instance.slot.compute_slices
    attributes.compute_slices = instance.slot.compute_slices
    attributes.memory = instance.memory_total // MIB


INSTANCE_FUNCTIONS: Mapping[str, DeviceFunction] = {
    "nvmlDeviceGetName": DeviceFunction((Out, c_uint), _name),
    "nvmlDeviceGetUUID": DeviceFunction((Out, c_uint), _uuid),
    "nvmlDeviceGetMemoryInfo": DeviceFunction((Out,), _memory),
    "nvmlDeviceGetMemoryInfo_v2": DeviceFunction((Out,), _memory_v2),
    "nvmlDeviceGetGpuInstanceId": DeviceFunction((Out,), _gpu_instance),
    "nvmlDeviceGetComputeInstanceId": DeviceFunction((Out,), _compute_instance),
    "nvmlDeviceGetAttributes_v2": DeviceFunction((Out,), _attributes),
}
"""What a MIG device answers; everything else it does not support."""
