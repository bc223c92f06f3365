"""One GPU: its handle, and everything that is read of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pynvml

from exporter.snapshot import Gpu
from exporter.sources.nvml import gpm
from exporter.sources.nvml.asking import Asker, gone
from exporter.sources.nvml.assembly import assemble
from exporter.sources.nvml.codes import UNREADABLE
from exporter.sources.nvml.facts import FACTS
from exporter.sources.nvml.fields import Field
from exporter.sources.nvml.health import DAMAGE, LIMITS, SETTINGS
from exporter.sources.nvml.mig import Instances
from exporter.sources.nvml.notices import Notices
from exporter.sources.nvml.nvlink import link_fields, link_values
from exporter.sources.nvml.values import LINK_COUNT, Value, device_values
from exporter.sources.nvml.vitals import VITALS


class Further(NamedTuple):
    """What is read of a GPU besides the tables, and outlives the library's sessions.

    `fields` returns the rows of the GPU with a uuid; `readings` turns all parts of one collection
    (by uuid, parts and Unix seconds) into those that the GPU is assembled of.
    """

    fields: Callable[[str], tuple[Field, ...]] = lambda _uuid: ()
    readings: Callable[[str, dict[str, Any], float], dict[str, Any]] = lambda _uuid, parts, _now: (
        parts
    )


class Surroundings(NamedTuple):
    """What the devices of a session share."""

    notices: Notices
    driver_version: str
    further: Further


class Device:
    """A GPU that answered once in this session of the library.

    Raises DeviceGone when the device cannot be opened, SourceDown when the whole library is gone.
    """

    def __init__(self, index: int, session: Surroundings) -> None:
        self.index = index
        try:
            self.handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            self.uuid: str = pynvml.nvmlDeviceGetUUID(self.handle)
        except pynvml.NVMLError as error:
            raise gone(error.value) from error
        except UnicodeDecodeError as error:
            raise gone(UNREADABLE) from error
        self._asker = Asker(index, self.uuid, session.notices)
        query = gpm.Query()
        take = partial(pynvml.nvmlGpmSampleGet, self.handle)
        self._meter = gpm.Meter(query, self.handle, take)
        self._values = device_values(session.driver_version)
        self._fields = (
            *(*FACTS, *VITALS, *LIMITS, *SETTINGS, *DAMAGE),
            *(gpm.measuring(self._meter), *session.further.fields(self.uuid)),
        )
        self._readings = session.further.readings
        self._instances = Instances(index, session.notices, query)
        self._mig_mode: bool | None = None

    def read(self, now: float) -> Gpu:
        """Ask for everything that is due and may be answered.

        Raises DeviceGone when the device is lost or answers nothing, SourceDown when the whole
        library is gone.
        """
        self._asker.begin()
        links = self._asker.values(self.handle, (LINK_COUNT,), now).get(LINK_COUNT.part, 0)
        parts = self._asker.fields(self.handle, (*self._fields, *link_fields(links)), now)
        parts |= self._asker.values(self.handle, self._wanted_values(links, parts), now)
        if parts.get("mig_mode"):
            parts["instances"] = self._instances.read(self.handle, self.uuid, now)
        else:
            self._instances.close()
        self._asker.end()
        self._note_mode(parts.get("mig_mode"))
        return assemble(self.index, self.uuid, self._readings(self.uuid, parts, now))

    def close(self) -> None:
        """Give everything back that the library holds for this device."""
        self._instances.close()
        self._meter.close()

    def _wanted_values(self, links: int, parts: dict[str, Any]) -> list[Value]:
        """A link that is down refuses what it will give once it is up: it is not asked."""
        wanted = list(self._values)
        for link in range(links):
            if parts.get(f"nvlinks.{link}.active") is not False:
                wanted += link_values(link)
        return wanted

    def _note_mode(self, mig_mode: bool | None) -> None:  # noqa: FBT001 - a reading, not a switch
        """A GPU that is divided, or whole again, gives other things than before."""
        if mig_mode is None:
            return
        if self._mig_mode is not None and mig_mode != self._mig_mode:
            self._asker.forget()
        self._mig_mode = mig_mode
