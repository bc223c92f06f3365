"""MIG: the instances that a GPU is divided into, as they are at each collection."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import pynvml

from exporter.snapshot import MigInstance
from exporter.sources.nvml import gpm
from exporter.sources.nvml.asking import Asker, gone
from exporter.sources.nvml.codes import DEVICE_GONE, LIBRARY_GONE, UNREADABLE, UNSUPPORTED
from exporter.sources.nvml.fields import ONCE, Field, Handle, single
from exporter.sources.nvml.notices import Notices
from exporter.sources.nvml.vitals import MEMORY

EMPTY_SLOT = UNSUPPORTED | {pynvml.NVML_ERROR_INVALID_ARGUMENT}


def profile(name: str) -> str:
    """Return 1g.10gb of "NVIDIA H100 80GB HBM3 MIG 1g.10gb"."""
    return name.rpartition("MIG ")[2]


_FACTS = (
    single("gpu_instance", pynvml.nvmlDeviceGetGpuInstanceId, int, ONCE),
    single("compute_instance", pynvml.nvmlDeviceGetComputeInstanceId, int, ONCE),
    single(
        "multiprocessors",
        pynvml.nvmlDeviceGetAttributes_v2,
        attrgetter("multiprocessorCount"),
        ONCE,
    ),
)


class _Who(NamedTuple):
    """An instance; another one in its place may be given the same uuid."""

    uuid: str
    profile: str


class _Handles(NamedTuple):
    gpu: Handle
    instance: Handle


class _Instance:
    """A MIG device that was there at the last collection; keeps its facts and its samples."""

    def __init__(self, index: int, uuid: str, notices: Notices) -> None:
        self.asker = Asker(index, uuid, notices)
        self._meter: gpm.Meter | None = None

    def figures(self, query: gpm.Query, parent: Handle, gpu_instance: int) -> list[Field]:
        """Return what is read of the GPU instance."""
        if self._meter is None:
            take = partial(pynvml.nvmlGpmMigSampleGet, parent, gpu_instance)
            self._meter = gpm.Meter(query, parent, take)
        return [MEMORY, gpm.measuring(self._meter)]

    def close(self) -> None:
        if self._meter:
            self._meter.close()


class Instances:
    """The MIG devices of one GPU.

    They are listed anew each time: instances come and go while a node runs, ids are used again,
    and a handle does not outlive its instance.
    """

    def __init__(self, index: int, notices: Notices, query: gpm.Query) -> None:
        self._index = index
        self._notices = notices
        self._query = query
        self._known: dict[_Who, _Instance] = {}

    def read(self, parent: Handle, uuid: str, now: float) -> tuple[MigInstance, ...]:
        """Read every instance of the GPU `parent`, in the order of their slots.

        Raises DeviceGone when the GPU is lost, SourceDown when the whole library is gone.
        """
        found = dict(self._slots(parent, uuid))
        gone = {who.uuid for who in self._known.keys() - found.keys()}
        self._forget_all_but(found.keys())
        for each in gone - {who.uuid for who in found}:
            self._notices.forget(each)
        carried: set[int] = set()
        return tuple(
            self._read(_Handles(parent, handle), who, carried, now) for who, handle in found.items()
        )

    def close(self) -> None:
        """Give everything back that the library holds for the instances."""
        self._forget_all_but(())

    def _read(self, handles: _Handles, who: _Who, carried: set[int], now: float) -> MigInstance:
        instance = self._known.get(who)
        if instance is None:
            instance = self._known[who] = _Instance(self._index, who.uuid, self._notices)
        parts: dict[str, Any] = instance.asker.fields(handles.instance, _FACTS, now)
        gpu_instance = parts.get("gpu_instance")
        if gpu_instance is not None and gpu_instance not in carried:
            carried.add(gpu_instance)
            figures = instance.figures(self._query, handles.gpu, gpu_instance)
            parts |= instance.asker.fields(handles.instance, figures, now)
        self._notices.tell_refusals(self._index, who.uuid)
        return MigInstance(who.uuid, profile=who.profile, **parts)

    def _slots(self, parent: Handle, uuid: str) -> Iterator[tuple[_Who, Handle]]:
        try:
            most = pynvml.nvmlDeviceGetMaxMigDeviceCount(parent)
        except pynvml.NVMLError as error:
            self._no_instance(uuid, error.value)
            return
        for slot in range(most):
            try:
                handle = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(parent, slot)
                name = profile(pynvml.nvmlDeviceGetName(handle))
                yield _Who(pynvml.nvmlDeviceGetUUID(handle), name), handle
            except pynvml.NVMLError as error:
                self._no_instance(uuid, error.value)
            except UnicodeDecodeError:
                self._no_instance(uuid, UNREADABLE)

    def _no_instance(self, uuid: str, code: int) -> None:
        if code in DEVICE_GONE or code in LIBRARY_GONE:
            raise gone(code)
        if code not in EMPTY_SLOT:
            self._notices.refused(uuid, "instances", code)

    def _forget_all_but(self, present: Collection[_Who]) -> None:
        for who in self._known.keys() - set(present):
            self._known.pop(who).close()
