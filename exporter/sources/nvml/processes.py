"""Who computes on one GPU: memory and time of multiprocessors by process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import pynvml

from exporter.snapshot import GpuProcess
from exporter.sources.nvml.fields import Field, Handle, single

_NO_INSTANCE = 0xFFFFFFFF
"""What the driver writes for the instance of a process on a whole GPU."""
_NOTHING_NEW = (pynvml.NVML_ERROR_NOT_FOUND, pynvml.NVML_SUCCESS)
"""Answers that mean so; pynvml raises the second as an error."""
_MOST_PERCENT = 100


class ProcessReader:
    """Reads the processes of one GPU; remembers up to when it has seen how much they worked."""

    def __init__(self) -> None:
        self._seen_until = 0

    def read(self, handle: Handle) -> tuple[GpuProcess, ...]:
        """Return the processes that compute there; raises pynvml.NVMLError.

        The share of time is of what the driver has sampled since the last reading: none then is
        idleness, and it is not known where the driver does not sample, as under MIG.
        """
        listed = {process.pid: process for process in _listed(handle)}
        if not listed:
            return ()
        worked = self._worked(handle)
        return tuple(
            GpuProcess(
                pid,
                process.usedGpuMemory,
                None if worked is None else worked.get(pid, 0.0),
                _instance(process.gpuInstanceId),
            )
            for pid, process in sorted(listed.items())
        )

    def _worked(self, handle: Handle) -> dict[int, float] | None:
        """Return the ratio by process, None where the driver does not tell."""
        try:
            samples = _samples(handle, self._seen_until)
            if not samples and self._was_set_back(handle):
                return None
        except pynvml.NVMLError:
            return None
        # At first the driver gives what it has kept, be it long over.
        is_first = not self._seen_until
        self._seen_until = max((s.timeStamp for s in samples), default=self._seen_until)
        return None if is_first else _ratios(samples)

    def _was_set_back(self, handle: Handle) -> bool:
        """Begin anew where the clock of the samples is behind what was seen of it."""
        newest = max((sample.timeStamp for sample in _samples(handle, 0)), default=None)
        if newest is None or newest >= self._seen_until:
            return False
        self._seen_until = newest
        return True


def _listed(handle: Handle) -> Iterator[Any]:
    yield from pynvml.nvmlDeviceGetComputeRunningProcesses_v3(handle)
    # A client of MPS is listed apart; drivers without MPS do not know the call.
    with contextlib.suppress(pynvml.NVMLError):
        yield from pynvml.nvmlDeviceGetMPSComputeRunningProcesses_v3(handle)


def _samples(handle: Handle, since: int) -> list[Any]:
    """Return the samples newer than `since` (microseconds) that can be; raises NVMLError."""
    try:
        samples = pynvml.nvmlDeviceGetProcessUtilization(handle, since)
    except pynvml.NVMLError as error:
        if error.value in _NOTHING_NEW:
            return []
        raise
    return [s for s in samples if s.pid and s.timeStamp and s.smUtil <= _MOST_PERCENT]


def _ratios(samples: Iterable[Any]) -> dict[int, float]:
    """Return the newest sample of each process, as a ratio."""
    newest = sorted(samples, key=lambda sample: sample.timeStamp)
    return {sample.pid: sample.smUtil / 100 for sample in newest}


def _instance(number: int) -> int | None:
    return None if number == _NO_INSTANCE else number


class ProcessReaders:
    """The readers of all GPUs that were ever read; none where processes are `off`."""

    def __init__(self, *, off: bool) -> None:
        self._off = off
        self._fields: dict[str, tuple[Field, ...]] = {}

    def fields(self, uuid: str) -> tuple[Field, ...]:
        """Return the rows that are read of the GPU with this uuid."""
        if self._off:
            return ()
        if uuid not in self._fields:
            self._fields[uuid] = (single("processes", ProcessReader().read, tuple),)
        return self._fields[uuid]
