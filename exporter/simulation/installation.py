"""Putting the stand-in in the place where pynvml keeps the loaded driver library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pynvml

from exporter.simulation.library import SimulatedLibrary

L = TypeVar("L")


def install(library: SimulatedLibrary) -> None:
    """Let every later call through pynvml in this process reach `library`."""
    _put(library)
    library.on_symbols_changed = _forget_pointers


@contextmanager
def installed(library: SimulatedLibrary) -> Iterator[SimulatedLibrary]:
    """Install `library`, and give pynvml back what it had before (usually nothing)."""
    with standing_in(library):
        library.on_symbols_changed = _forget_pointers
        try:
            yield library
        finally:
            library.on_symbols_changed = lambda: None


@contextmanager
def standing_in(library: L) -> Iterator[L]:
    """Put anything that has NVML's functions in the place of the driver library for a while."""
    before = loaded()
    _put(library)
    try:
        yield library
    finally:
        _put(before)


def loaded() -> Any:  # noqa: ANN401 - a library of ctypes, or what stands in for one
    """Return the library that pynvml has loaded; None before its first call."""
    return pynvml.nvmlLib


def _put(library: object) -> None:
    with pynvml.libLoadLock:
        pynvml.nvmlLib = library
    _forget_pointers()


def _forget_pointers() -> None:
    # pynvml remembers each symbol that it has looked up; there is no public way to forget them.
    with pynvml.libLoadLock:
        pynvml._nvmlGetFunctionPointer_cache.clear()  # noqa: SLF001 - as said
