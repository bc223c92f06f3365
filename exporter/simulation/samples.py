"""The rings in which the driver keeps its last samples of load and power."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from ctypes import Structure, c_uint, c_ulonglong
from dataclasses import replace
from typing import ClassVar, NamedTuple

from exporter.simulation.codes import NvmlFailure, Return
from exporter.simulation.hardware import SimulatedGpu

POWER, UTILIZATION = 0, 1
UNSIGNED_INT = 1


class CSample(Structure):
    """`nvmlSample_t`: microseconds, and eight bytes that stand for the union `nvmlValue_t`."""

    _fields_: ClassVar = [("timestamp", c_ulonglong), ("value", c_ulonglong)]


class Ring(NamedTuple):
    """One ring: microseconds between two samples, how many it keeps, and what is sampled.

    Steps and lengths are those measured on a GeForce RTX 5090.
    """

    step: int
    length: int
    value: Callable[[SimulatedGpu], int]

    def samples(self, gpu: SimulatedGpu, after: int) -> Iterator[tuple[int, int]]:
        """Yield time and value of what the ring holds, later than `after` (microseconds)."""
        newest = int(gpu.now * 1e6) // self.step
        before = int(max(gpu.since * 1e6, after)) // self.step
        for number in range(max(newest - self.length, before) + 1, newest + 1):
            at = number * self.step
            yield at, self.value(replace(gpu, now=at / 1e6))


RINGS: Mapping[int, Ring] = {
    POWER: Ring(20_000, 119, lambda gpu: round(1000 * gpu.power)),
    UTILIZATION: Ring(200_000, 71, lambda gpu: round(100 * gpu.load)),
}
"""The rings by `nvmlSamplingType_t`; milliwatts and percent."""


def write_samples(
    gpu: SimulatedGpu, kind: int, after: int, value_type: int, count: int, out: int | None
) -> None:
    """Answer `nvmlDeviceGetSamples`: without `out` the room that is needed, else the samples.

    The utilization of a GPU that is divided (MIG) is not sampled.
    """
    divided = gpu.mig_mode == 1 and kind == UTILIZATION
    if (ring := RINGS.get(kind)) is None or divided:
        raise NvmlFailure(Return.NOT_SUPPORTED)
    c_uint.from_address(value_type).value = UNSIGNED_INT
    room = c_uint.from_address(count)
    if out is None:
        room.value = ring.length
        return
    found = list(ring.samples(gpu, after))
    if len(found) > room.value:
        raise NvmlFailure(Return.INSUFFICIENT_SIZE)
    if not found:
        raise NvmlFailure(Return.NOT_FOUND)
    for place, sample in zip((CSample * len(found)).from_address(out), found, strict=True):
        place.timestamp, place.value = sample
    room.value = len(found)
