"""What a C function of the stand-in is, and how its answers cross to the caller's memory.

`Out` arguments are addresses of the caller's memory, as in C.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import c_uint, c_void_p
from typing import Any, NamedTuple

from exporter.simulation.codes import NvmlFailure, Return
from exporter.simulation.hardware import SimulatedGpu

Out = c_void_p


class DeviceFunction(NamedTuple):
    """A function whose first argument is a device: the types of the others, and its work."""

    argtypes: tuple[type[Any], ...]
    call: Callable[..., None]


def supported(value: int | str | None) -> Any:  # noqa: ANN401 - gives back what it was given
    """Return `value`; None fails the call as not supported."""
    if value is None:
        raise NvmlFailure(Return.NOT_SUPPORTED)
    return value


def check_version(found: int, known: int) -> None:
    """Fail the call where the caller's structure is of another version."""
    if found != known:
        raise NvmlFailure(Return.ARGUMENT_VERSION_MISMATCH)


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


def number(kind: type[Any], value: Callable[[SimulatedGpu], int | None]) -> DeviceFunction:
    """Return a function that answers one number."""
    return DeviceFunction((Out,), lambda gpu, out: write_number(kind, out, value(gpu)))


def numbers(
    kind: type[Any], values: Callable[[SimulatedGpu], tuple[int | None, ...]], count: int
) -> DeviceFunction:
    """Return a function that answers so many numbers."""

    def call(gpu: SimulatedGpu, *outs: int) -> None:
        for out, value in zip(outs, values(gpu), strict=True):
            write_number(kind, out, value)

    return DeviceFunction((Out,) * count, call)


def text(value: Callable[[SimulatedGpu], str | None]) -> DeviceFunction:
    """Return a function that answers text."""
    return DeviceFunction((Out, c_uint), lambda gpu, out, size: write_text(out, size, value(gpu)))
