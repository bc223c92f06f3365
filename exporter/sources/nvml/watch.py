"""The thread that waits for Xid errors, so that none is missed between two collections."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import math
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple

import pynvml

from exporter.sources.nvml.codes import UNSUPPORTED, code_name
from exporter.sources.nvml.xids import XidCounts, meaning

log = logging.getLogger("tunewatch.nvml")

WAIT_MILLISECONDS = 1000
IDLE_SECONDS = 2.0
RETRY_FIRST, RETRY_MOST = 5.0, 60.0
REPEAT_SECONDS = 600.0
PATIENCE_SECONDS = 3.0
SILENT_SECONDS = 30.0


class Watched(NamedTuple):
    """A GPU of the present session: its handle there, its index, and who it is."""

    handle: Any
    number: int
    uuid: str


class XidWatch:
    """Counts Xids of the GPUs that a session follows; `tick` is called on a thread of its own.

    Only that thread waits in the driver, and a wait that never returns costs nothing but the
    counts: `silent` tells. An event set belongs to a session, so `end` comes before the library's
    shutdown.
    """

    def __init__(
        self,
        counts: XidCounts,
        *,
        wait_milliseconds: int = WAIT_MILLISECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._counts = counts
        self._wait_milliseconds = wait_milliseconds
        self._patience = patience
        self._inside = threading.Lock()
        """Held by whoever is in the driver for the sake of the event set."""
        self._following: tuple[Watched, ...] = ()
        self._set: Any = None
        self._registered: dict[int, Watched] = {}
        self._refused: dict[int, float] = {}
        """When each GPU that refused may be asked again."""
        self._retry_at = -math.inf
        self._failures = 0
        self._beat: float | None = None
        self._told: dict[tuple[str, int], float] = {}
        self._problems: set[str] = set()

    def follow(self, gpus: Iterable[Watched]) -> None:
        """Watch these GPUs from now on, beside those of this session that were watched before."""
        self._following = tuple(gpus)

    def end(self) -> bool:
        """Follow nobody and free the event set; false if a wait in the driver does not return.

        Then the library must not be shut down, and the set stays in use once the wait returns.
        """
        self._following = ()
        if not self._inside.acquire(timeout=self._patience):
            return False
        try:
            self._free()
        finally:
            self._inside.release()
        self._retry_at = -math.inf
        return True

    def silent(self, now: float) -> bool:
        """Whether a wait has not returned for so long that Xids may go unseen."""
        return self._beat is not None and now - self._beat > SILENT_SECONDS

    def tick(self, now: float) -> float:
        """Wait a moment for an Xid and count it; return the seconds until the next wait."""
        self._beat = now
        with self._inside:
            # What is followed is read in here: whoever ends a session has the lock. A GPU that is
            # followed no more, for it answers no more, may still have something to say.
            if not (self._following or self._registered) or now < self._retry_at:
                return IDLE_SECONDS
            try:
                self._register(now)
                return self._wait(now) if self._registered else IDLE_SECONDS
            except pynvml.NVMLError as error:
                return self._fail(error.value, now)

    def _register(self, now: float) -> None:
        for gpu in self._following:
            address = _address(gpu.handle)
            if address not in self._registered and now >= self._refused.get(address, -math.inf):
                self._register_one(gpu, address, now)

    def _register_one(self, gpu: Watched, address: int, now: float) -> None:
        if self._set is None:
            self._set = pynvml.nvmlEventSetCreate()
        refusal = _have_xids_told(gpu.handle, self._set)
        if refusal is None:
            self._registered[address] = gpu
            self._counts.begin(gpu.uuid)
            return
        for_good = refusal in UNSUPPORTED
        self._refused[address] = math.inf if for_good else now + RETRY_MOST
        reason = code_name(refusal)
        self._tell(
            logging.INFO if for_good else logging.WARNING,
            f"GPU {gpu.number} ({gpu.uuid}) does not report Xid errors: {reason}; the kernel log of"
            " the host has them",
        )

    def _wait(self, now: float) -> float:
        try:
            event = pynvml.nvmlEventSetWait_v2(self._set, self._wait_milliseconds)
        except pynvml.NVMLError_Timeout:
            self._failures = 0
            return 0.0
        self._failures = 0
        gpu = self._registered.get(_address(event.device))
        code = int(event.eventData)
        if gpu is None:
            log.error("an unknown GPU reports Xid %d: %s", code, meaning(code))
            return 0.0
        self._counts.add(gpu.uuid, code, now)
        self._tell_xid(gpu, code, now)
        return 0.0

    def _fail(self, code: int, now: float) -> float:
        """Begin anew with another set, later and later: the driver may be on its way out."""
        self._free()
        self._failures += 1
        delay = min(RETRY_MOST, RETRY_FIRST * 2.0 ** min(self._failures - 1, 8))
        self._retry_at = math.inf if code in UNSUPPORTED else now + delay
        self._tell(
            logging.WARNING,
            f"Xid errors go unseen for now: {code_name(code)}; it is tried again by itself, and"
            " the kernel log of the host has them meanwhile",
        )
        return IDLE_SECONDS

    def _free(self) -> None:
        if self._set is not None:
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlEventSetFree(self._set)
        self._set = None
        self._registered.clear()
        self._refused.clear()

    def _tell(self, level: int, problem: str) -> None:
        if problem not in self._problems:
            self._problems.add(problem)
            log.log(level, "%s", problem)

    def _tell_xid(self, gpu: Watched, code: int, now: float) -> None:
        """Log an Xid, but a storm of them only now and then: the counter has them all."""
        if now - self._told.get((gpu.uuid, code), -math.inf) >= REPEAT_SECONDS:
            self._told[gpu.uuid, code] = now
            log.warning("GPU %d (%s) reports Xid %d: %s", gpu.number, gpu.uuid, code, meaning(code))


def _have_xids_told(handle: Any, event_set: Any) -> int | None:  # noqa: ANN401 - of pynvml
    """Have the Xids of a device told to a set; return the code of a refusal."""
    xid = pynvml.nvmlEventTypeXidCriticalError
    try:
        if not pynvml.nvmlDeviceGetSupportedEventTypes(handle) & xid:
            return int(pynvml.NVML_ERROR_NOT_SUPPORTED)
        pynvml.nvmlDeviceRegisterEvents(handle, xid, event_set)
    except pynvml.NVMLError as error:
        return int(error.value)
    return None


def _address(handle: Any) -> int:  # noqa: ANN401 - a pointer of pynvml
    return ctypes.cast(handle, ctypes.c_void_p).value or 0
