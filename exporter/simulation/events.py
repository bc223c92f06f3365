"""Event sets: what waits in the driver for whoever asked to be told."""

from __future__ import annotations

import threading
from collections import deque
from ctypes import Structure, c_uint, c_ulonglong, c_void_p
from dataclasses import dataclass, field
from itertools import count
from typing import ClassVar

from exporter.simulation.codes import NvmlFailure, Return

XID = 0x8
"""`nvmlEventTypeXidCriticalError`."""
SUPPORTED_EVENTS = XID | 0x3
NO_INSTANCE = 0xFFFFFFFF


class EventData(Structure):
    """`nvmlEventData_t`; of a GPU that is not partitioned the instances are all ones."""

    _fields_: ClassVar = [
        ("device", c_void_p),
        ("event_type", c_ulonglong),
        ("event_data", c_ulonglong),
        ("gpu_instance", c_uint),
        ("compute_instance", c_uint),
    ]


@dataclass(slots=True)
class _EventSet:
    """Handle and event types by device index, and what has happened and was not yet told."""

    registered: dict[int, tuple[int, int]] = field(default_factory=dict)
    pending: deque[tuple[int, int, int]] = field(default_factory=deque)


class Events:
    """All event sets of the library; they end with the session in which they were made."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._sets: dict[int, _EventSet] = {}
        self._numbers = count(1)
        self.abandoned = 0
        """Sets that nobody freed before the last shutdown."""

    @property
    def open_sets(self) -> int:
        """How many sets were made and neither freed nor ended with their session."""
        return len(self._sets)

    def watched(self, device: int) -> bool:
        """Whether any set would be told of an Xid of this device index."""
        with self._changed:
            return any(_wants(found, device, XID) for found in self._sets.values())

    def xid(self, device: int, code: int) -> None:
        """Let a device report an Xid; whoever has not registered before never learns of it."""
        with self._changed:
            for found in self._sets.values():
                if _wants(found, device, XID):
                    found.pending.append((found.registered[device][0], XID, code))
            self._changed.notify_all()

    def create(self) -> int:
        """Make a set and return its number."""
        with self._changed:
            number = next(self._numbers)
            self._sets[number] = _EventSet()
            return number

    def register(self, number: int | None, device: int, handle: int, types: int) -> None:
        """Let a set be told of some types of events of one device."""
        with self._changed:
            if types & ~SUPPORTED_EVENTS:
                raise NvmlFailure(Return.NOT_SUPPORTED)
            self._open(number).registered[device] = (handle, types)

    def wait(self, number: int | None, out: int, milliseconds: int) -> None:
        """Write the oldest event to `out`; blocks until there is one, or fails after the time."""
        with self._changed:
            found = self._open(number)
            self._changed.wait_for(
                lambda: found.pending or number not in self._sets, milliseconds / 1000
            )
            self._open(number)
            if not found.pending:
                raise NvmlFailure(Return.TIMEOUT)
            event = EventData.from_address(out)
            event.device, event.event_type, event.event_data = found.pending.popleft()
            event.gpu_instance = event.compute_instance = NO_INSTANCE

    def free(self, number: int | None) -> None:
        """End a set."""
        with self._changed:
            self._open(number)
            del self._sets[number or 0]
            self._changed.notify_all()

    def end(self) -> None:
        """End every set, as the last shutdown does."""
        with self._changed:
            self.abandoned += len(self._sets)
            self._sets.clear()
            self._changed.notify_all()

    def _open(self, number: int | None) -> _EventSet:
        if (found := self._sets.get(number or 0)) is None:
            raise NvmlFailure(Return.INVALID_ARGUMENT)
        return found


def _wants(found: _EventSet, device: int, kind: int) -> bool:
    return bool(found.registered.get(device, (0, 0))[1] & kind)
