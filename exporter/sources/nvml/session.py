"""NVML from init to shutdown: the versions, and the devices that answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pynvml

from exporter.snapshot import Gpu, Gpus
from exporter.sources import SourceDown
from exporter.sources.nvml.asking import DeviceGone
from exporter.sources.nvml.codes import DEVICE_GONE
from exporter.sources.nvml.device import Device, Surroundings
from exporter.sources.nvml.hands import Hung
from exporter.sources.nvml.lasting import Lasting
from exporter.sources.nvml.problems import NO_GPU, source_down

LOST_RETRY_SECONDS = 300.0


class Session:
    """An initialised library; raises SourceDown when it cannot be initialised.

    `monotonic` (seconds) measures how long a GPU takes.
    """

    def __init__(
        self,
        lasting: Lasting,
        now: float,
        *,
        simulated: bool,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        lasting.opening.open()
        self._lasting = lasting
        self._notices = lasting.notices
        self._opened_at = now
        self._simulated = simulated
        self._monotonic = monotonic
        self._devices: dict[int, Device] = {}
        self._seen: int | None = None
        self._misses_some = False
        self._driver_version = _version(pynvml.nvmlSystemGetDriverVersion)
        self._nvml_version = _version(pynvml.nvmlSystemGetNVMLVersion)
        self._cuda_version = _version(_cuda_version)
        self._surroundings = Surroundings(lasting.notices, self._driver_version, lasting.further)

    def outdated(self, now: float) -> bool:
        """Whether a new session would see more: GPUs came or went, or one has long been missed.

        A device that was reset may answer, and one that came back to the bus may be counted, only
        after a new init. Raises SourceDown.
        """
        long_missed = self._misses_some and now - self._opened_at >= LOST_RETRY_SECONDS
        if long_missed and not self._lasting.hands.inside():
            return True
        if self._seen is None or (count := _device_count()) == self._seen:
            return False
        self._notices.counted(self._seen, count)
        return True

    def read(self, now: float) -> Gpus:
        """Read every device; those that are gone are left out and named.

        Raises SourceDown when there is no device, or none can be read for a reason that is not its
        own: that all are lost is a reading too, or nobody would be told of the last GPU's end. So
        is that the driver shows none of those that it holds.
        """
        bus = self._lasting.bus
        expected = bus.count(now) if bus else None
        self._seen = _device_count()
        gone: dict[int, int] = {}
        gpus: list[Gpu] = []
        self._lasting.hands.begin()
        for index in range(self._seen):
            try:
                gpus.append(self._read_apart(index, now))
            except DeviceGone as reason:
                gone[index] = reason.code
        if gone and not gpus and DEVICE_GONE.isdisjoint(gone.values()):
            raise source_down(next(iter(gone.values())))
        if not self._seen and not expected:
            raise SourceDown(*NO_GPU)
        lost = self._tell_gone(gone)
        self._notices.expected(expected, self._seen)
        self._misses_some = bool(lost) or (expected or 0) > self._seen
        self._lasting.follow(tuple(self._devices.items()))
        return Gpus(
            gpus=tuple(gpus),
            seen=self._seen,
            driver_version=self._driver_version,
            cuda_version=self._cuda_version,
            nvml_version=self._nvml_version,
            simulated=self._simulated,
            lost=lost,
            unanswered=tuple(
                self._lasting.unanswered(index, code, now) for index, code in gone.items()
            ),
            expected=expected,
        )

    def close(self) -> bool:
        """Shut the library down, so that a later session finds it as it is then.

        False while a call into it does not return: then it stays open.
        """
        if self._lasting.hands.inside():
            return False
        for device in self._devices.values():
            device.close()
        return self._lasting.close()

    def _read_apart(self, index: int, now: float) -> Gpu:
        """Read a device on a thread that can be left behind, should the driver hang."""
        try:
            return self._lasting.hands.call(index, partial(self._read_device, index, now))
        except Hung:
            raise DeviceGone(pynvml.NVML_ERROR_TIMEOUT) from None

    def _read_device(self, index: int, now: float) -> Gpu:
        started = self._monotonic()
        # A device that raises is forgotten: its handle, and what it refused, may have changed.
        device = self._devices.pop(index, None) or Device(index, self._surroundings)
        try:
            gpu = device.read(now)
        except DeviceGone:
            device.close()
            raise
        self._devices[index] = device
        self._notices.answering(index, device.uuid, now)
        return replace(gpu, collected_at=now, collection_seconds=self._monotonic() - started)

    def _tell_gone(self, gone: dict[int, int]) -> tuple[str, ...]:
        for index, code in gone.items():
            self._notices.gone(index, code)
        return tuple(
            self._notices.uuid_of(index)
            for index, code in gone.items()
            if code != pynvml.NVML_ERROR_NO_PERMISSION
        )


def _device_count() -> int:
    try:
        return int(pynvml.nvmlDeviceGetCount())
    except pynvml.NVMLError as error:
        raise source_down(error.value) from error


def _cuda_version() -> str:
    version = pynvml.nvmlSystemGetCudaDriverVersion()
    return f"{version // 1000}.{version % 1000 // 10}"


def _version(read: Callable[[], str]) -> str:
    try:
        return str(read())
    except (pynvml.NVMLError, UnicodeDecodeError):
        return ""
