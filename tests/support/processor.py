"""The processor time of another process, to the nanosecond."""

from __future__ import annotations

import ctypes
import time

_LIBC = ctypes.CDLL(None)


def seconds_used(pid: int) -> float:
    """Return the CPU seconds that a process has used so far, also in threads that have ended.

    Raises ProcessLookupError when there is no such process.
    """
    clock = ctypes.c_int()
    if _LIBC.clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise ProcessLookupError(pid)
    return time.clock_gettime(clock.value)
