"""Work without the rights of root, to whom no file is closed."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable

NOBODY = 65534


def as_nobody(act: Callable[[], None]) -> None:
    """Run `act` on a thread that opens files as nobody does; raises what it raises."""
    libc = ctypes.CDLL(None)
    errors: list[BaseException] = []

    def run() -> None:
        if os.geteuid() == 0:
            libc.setfsuid(NOBODY)  # of this thread alone
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
