"""What outlives the library's sessions: who was told what, the counters, and who is in a call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from exporter.snapshot import Unanswered
from exporter.sources.nvml.bus import Bus
from exporter.sources.nvml.codes import code_name
from exporter.sources.nvml.device import Device, Further
from exporter.sources.nvml.fields import Field
from exporter.sources.nvml.hands import Hands
from exporter.sources.nvml.meters import Meters
from exporter.sources.nvml.notices import Notices
from exporter.sources.nvml.opening import Opening
from exporter.sources.nvml.processes import ProcessReaders
from exporter.sources.nvml.watch import Watched, XidWatch
from exporter.sources.nvml.xids import XidCounts


class Lasting:
    """One for each process that reads GPUs.

    `bus` tells how many GPUs there should be; None is for a machine whose GPUs are on no bus.
    `processes` says whether to read who computes on each GPU.
    """

    def __init__(self, hands: Hands, bus: Bus | None, *, processes: bool = False) -> None:
        self.hands = hands
        self.bus = bus
        self.notices = Notices()
        self.opening = Opening()
        self._meters = Meters()
        self._xids = XidCounts()
        self.watch = XidWatch(self._xids)
        self._processes = ProcessReaders(off=not processes)
        self.further = Further(self._fields, self._with_xids)

    def follow(self, devices: Iterable[tuple[int, Device]]) -> None:
        """Let Xids of these devices, by index, be counted as they come."""
        self.watch.follow(Watched(device.handle, index, device.uuid) for index, device in devices)

    def close(self) -> bool:
        """Shut the library down; false, and nothing is done, while somebody is in a call.

        Whoever is in there would find the library gone under it.
        """
        if self.hands.inside() or not self.watch.end():
            return False
        self.opening.close()
        return True

    def unanswered(self, index: int, code: int, now: float) -> Unanswered:
        """Return what is known of a GPU that does not answer: its Xids may say why."""
        uuid = self.notices.uuid_of(index)
        answered_at = self.notices.answered_at(index)
        return Unanswered(index, uuid, code_name(code), answered_at, **self._xids_of(uuid, now))

    def _fields(self, uuid: str) -> tuple[Field, ...]:
        return *self._meters.fields(uuid), *self._processes.fields(uuid)

    def _with_xids(self, uuid: str, parts: dict[str, Any], now: float) -> dict[str, Any]:
        return {**parts, **self._xids_of(uuid, now)}

    def _xids_of(self, uuid: str, now: float) -> dict[str, Any]:
        # While nobody knows whether there were more, what was counted is not the count.
        silent = self.watch.silent(now)
        self.notices.deaf(now=silent)
        if silent:
            return {}
        return {"xids": self._xids.counts(uuid), "xid_at": self._xids.last(uuid)}
