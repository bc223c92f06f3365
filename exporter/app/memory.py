"""Memory that was freed is given back, which the C library does not do by itself."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Parameters of mallopt(3)."""
KEPT_BYTES = 64 * 1024


def give_back_what_is_freed() -> None:
    """Let large blocks go back to the system; call it before the process starts threads.

    Else each thread of the server keeps the pages that it has once sent, in a heap of its own, and
    a block of a page's size goes back only while the heap ends with it. Where the C library is not
    glibc there is nothing to set.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
