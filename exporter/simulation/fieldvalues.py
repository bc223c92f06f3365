"""What `nvmlDeviceGetFieldValues` answers, by the numbers that the driver of the moment uses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import NamedTuple

from exporter.simulation.codes import Return
from exporter.simulation.hardware import SimulatedGpu
from exporter.simulation.structures import FieldValue

KIB = 1024
NVLINK_BYTES_PER_SECOND = 11e9
PCIE_BYTES_PER_SECOND = {197: 2.0e9, 198: 7.5e9}
WHOLE_GPU, MODULE = 0, 1
NVLINK_5 = 5
MOVED_IDS = range(251, 274)


class Type(IntEnum):
    """`nvmlValueType_t`."""

    UNSIGNED_INT = 1
    UNSIGNED_LONG_LONG = 3
    SIGNED_INT = 5


class Answer(NamedTuple):
    """A value, and the type by which the caller is to read the union."""

    value: int
    type: Type = Type.UNSIGNED_LONG_LONG


def field_values(gpu: SimulatedGpu, count: int, out: int) -> None:
    """Answer each of `count` requests on its own."""
    for place in (FieldValue * count).from_address(out):
        if place.field > gpu.driver.newest_field:
            place.code = Return.INVALID_ARGUMENT
            continue
        answer = _answer(gpu, place.field, place.scope)
        known = Return.NOT_SUPPORTED if answer is None else Return.SUCCESS
        place.code = gpu.condition.refused_fields.get(place.field, known)
        if answer is not None:
            place.value_type = answer.type
            bits = 64 if answer.type is Type.UNSIGNED_LONG_LONG else 32
            place.value = answer.value % 2**bits


def _answer(gpu: SimulatedGpu, number: int, scope: int) -> Answer | None:
    if number in MOVED_IDS:
        return _moved(gpu, number)
    if number in _LINK_FIELDS:
        return _LINK_FIELDS[number](gpu) if scope in gpu.links_up else None
    found = _FIELDS.get(number)
    return found(gpu, scope) if found else None


def _moved(gpu: SimulatedGpu, number: int) -> Answer:
    """Answer an id that means different things to different drivers: times, or power smoothing."""
    first = 269 if gpu.driver.release >= (580, 82) else 251
    if gpu.driver.release >= (575, 0) and first <= number < first + 3:
        return _nanoseconds((gpu.warm_seconds, gpu.hot_seconds, 0.0)[number - first])
    return Answer(50_000 + number, Type.UNSIGNED_INT)


def _nanoseconds(seconds: float) -> Answer:
    return Answer(math.floor(seconds * 1e9))


def _unsigned(value: int | None) -> Answer | None:
    return None if value is None else Answer(value, Type.UNSIGNED_INT)


def _power(gpu: SimulatedGpu, scope: int) -> Answer | None:
    if scope == WHOLE_GPU:
        return _unsigned(round(1000 * gpu.power))
    return _unsigned(round(1250 * gpu.power) if gpu.board.has_module_power else None)


def _pcie_bytes(number: int) -> Callable[[SimulatedGpu, int], Answer]:
    def answer(gpu: SimulatedGpu, _scope: int) -> Answer:
        moved = int(gpu.busy_seconds * PCIE_BYTES_PER_SECOND[number])
        wide = gpu.board.pcie_counters_wide
        return Answer(moved, Type.UNSIGNED_LONG_LONG if wide else Type.UNSIGNED_INT)

    return answer


def _pcie_error(_gpu: SimulatedGpu, _scope: int) -> Answer:
    return Answer(0, Type.UNSIGNED_INT)


def _margin(which: int) -> Callable[[SimulatedGpu, int], Answer | None]:
    def answer(gpu: SimulatedGpu, _scope: int) -> Answer | None:
        margins = gpu.board.margins
        return Answer(margins[which], Type.SIGNED_INT) if margins else None

    return answer


def _recovery_action(gpu: SimulatedGpu, _scope: int) -> Answer | None:
    return _unsigned(gpu.condition.recovery_action if gpu.board.has_recovery_action else None)


_FIELDS: Mapping[int, Callable[[SimulatedGpu, int], Answer | None]] = {
    74: lambda gpu, _: _nanoseconds(gpu.capped_seconds),
    75: lambda gpu, _: _nanoseconds(gpu.warm_seconds),
    76: lambda _gpu, _: _nanoseconds(0.0),
    82: lambda gpu, _: _unsigned(gpu.memory_temperature),
    83: lambda gpu, _: Answer(int(1000 * gpu.energy)),
    91: lambda gpu, _: _unsigned(gpu.board.nvlinks),
    94: lambda gpu, _: _unsigned(gpu.index),
    **dict.fromkeys((173, 179, 180, 181), _pcie_error),
    186: _power,
    **{193 + which: _margin(which) for which in range(4)},
    **{number: _pcie_bytes(number) for number in PCIE_BYTES_PER_SECOND},
    230: _recovery_action,
}


def _kibibytes(gpu: SimulatedGpu) -> Answer:
    return Answer(int(gpu.busy_seconds * NVLINK_BYTES_PER_SECOND) // KIB)


def _bytes(gpu: SimulatedGpu) -> Answer | None:
    moved = int(gpu.busy_seconds * NVLINK_BYTES_PER_SECOND)
    return Answer(moved) if gpu.board.nvlink_generation >= NVLINK_5 else None


def _older_error(gpu: SimulatedGpu) -> Answer | None:
    return Answer(0) if gpu.board.nvlink_generation < NVLINK_5 else None


def _newer_error(gpu: SimulatedGpu) -> Answer | None:
    return Answer(0) if gpu.board.nvlink_generation >= NVLINK_5 else None


_LINK_FIELDS: Mapping[int, Callable[[SimulatedGpu], Answer | None]] = {
    **dict.fromkeys((138, 139), _kibibytes),
    **dict.fromkeys((161, 162, 163), _older_error),
    **dict.fromkeys((202, 204), _bytes),
    **dict.fromkeys((208, 211, 215), _newer_error),
}
