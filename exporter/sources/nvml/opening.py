"""The driver library in this process: initialised, shut down, and given up for another version."""

from __future__ import annotations

import _ctypes
import contextlib
import ctypes

import pynvml

from exporter.sources.nvml.problems import source_down


class Opening:
    """Counts our inits, since the library stays open until each has been shut down."""

    def __init__(self) -> None:
        self._inits = 0

    def open(self) -> None:
        """Initialise the library; raises SourceDown.

        After an upgrade of the driver the library that this process has loaded is the old one. It
        is given up then, so that the new one is found where it lies.
        """
        try:
            self._init()
        except pynvml.NVMLError_LibRmVersionMismatch as error:
            if self._inits or not _unload():
                raise source_down(error.value) from error
            self._open_another()
        except pynvml.NVMLError as error:
            raise source_down(error.value) from error

    def close(self) -> None:
        """Shut the library down, so that a later init finds the machine as it is then.

        Nobody may be in a call of the library.
        """
        while self._inits:
            self._inits -= 1
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()

    def _open_another(self) -> None:
        try:
            self._init()
        except pynvml.NVMLError as error:
            raise source_down(error.value) from error

    def _init(self) -> None:
        pynvml.nvmlInit()
        self._inits += 1


def _unload() -> bool:
    """Let the next init load the library anew; false for one that is no loaded file."""
    library = pynvml.nvmlLib
    if not isinstance(library, ctypes.CDLL):
        return False
    with pynvml.libLoadLock:
        pynvml.nvmlLib = None
        # pynvml remembers each symbol that it has looked up; there is no public way to forget them.
        pynvml._nvmlGetFunctionPointer_cache.clear()  # noqa: SLF001 - as said
    # While it stays mapped the dynamic loader answers its name with it.
    _ctypes.dlclose(library._handle)  # noqa: SLF001 - ctypes has no other way
    return True
