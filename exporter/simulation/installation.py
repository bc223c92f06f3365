"""Putting the stand-in in the place where pynvml keeps the loaded driver library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pynvml

from exporter.simulation.library import SimulatedLibrary


def install(library: SimulatedLibrary) -> None:
    """Let every later call through pynvml in this process reach `library`."""
    _put(library)
    library.on_symbols_changed = _forget_pointers


@contextmanager
def installed(library: SimulatedLibrary) -> Iterator[SimulatedLibrary]:
    """Install `library`, and give pynvml back what it had before (usually nothing)."""
    before = pynvml.nvmlLib
    install(library)
    try:
        yield library
    finally:
        library.on_symbols_changed = lambda: None
        _put(before)


def _put(library: object) -> None:
    with pynvml.libLoadLock:
        pynvml.nvmlLib = library
    _forget_pointers()


def _forget_pointers() -> None:
    # pynvml remembers each symbol that it has looked up; there is no public way to forget them.
    with pynvml.libLoadLock:
        pynvml._nvmlGetFunctionPointer_cache.clear()  # noqa: SLF001 - as said
