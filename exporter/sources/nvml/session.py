"""NVML from init to shutdown: the versions, and the devices that answer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pynvml

from exporter.snapshot import Gpu, Gpus
from exporter.sources import SourceDown
from exporter.sources.nvml.device import Device, DeviceGone
from exporter.sources.nvml.notices import Notices
from exporter.sources.nvml.problems import NO_GPU, source_down

LOST_RETRY_SECONDS = 300.0


class Session:
    """An initialised library; raises SourceDown when it cannot be initialised."""

    def __init__(self, notices: Notices, now: float, *, simulated: bool) -> None:
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            raise source_down(error.value) from error
        self._notices = notices
        self._opened_at = now
        self._simulated = simulated
        self._devices: dict[int, Device] = {}
        self._seen: int | None = None
        self._lost: tuple[str, ...] = ()
        self._driver_version = _version(pynvml.nvmlSystemGetDriverVersion)
        self._nvml_version = _version(pynvml.nvmlSystemGetNVMLVersion)
        self._cuda_version = _version(_cuda_version)

    def outdated(self, now: float) -> bool:
        """Whether a new session would see more: GPUs came or went, or one has long been lost.

        A device that was reset may answer only after a new init. Raises SourceDown.
        """
        if self._lost and now - self._opened_at >= LOST_RETRY_SECONDS:
            return True
        return self._seen is not None and _device_count() != self._seen

    def read(self, now: float) -> Gpus:
        """Read every device; those that are gone are left out and named.

        Raises SourceDown when there is no device or none of them can be read.
        """
        self._seen = _device_count()
        gone: dict[int, int] = {}
        gpus: list[Gpu] = []
        for index in range(self._seen):
            try:
                gpus.append(self._read_device(index, now))
            except DeviceGone as reason:
                gone[index] = reason.code
        if not gpus:
            raise source_down(next(iter(gone.values()))) if gone else SourceDown(*NO_GPU)
        self._lost = self._tell_gone(gone)
        return Gpus(
            gpus=tuple(gpus),
            seen=self._seen,
            driver_version=self._driver_version,
            cuda_version=self._cuda_version,
            nvml_version=self._nvml_version,
            simulated=self._simulated,
            lost=self._lost,
        )

    def close(self) -> None:
        """Shut the library down, so that a later session finds it as it is then."""
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()

    def _read_device(self, index: int, now: float) -> Gpu:
        # A device that raises is forgotten: its handle, and what it refused, may have changed.
        device = self._devices.pop(index, None) or Device(index, self._notices, now)
        gpu = device.read(now)
        self._devices[index] = device
        self._notices.answering(index, device.uuid)
        return gpu

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
    except pynvml.NVMLError:
        return ""
