"""Listening in: a library that passes calls on, and writes down what was asked and answered."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from ctypes import _Pointer
from functools import partial
from typing import Any

from exporter.simulation.capture.document import (
    Argument,
    Call,
    Collection,
    Handle,
    Memory,
    Number,
    Text,
)
from exporter.simulation.capture.layout import POINTER, Layout, Row, layout_of

WORDS = "nvmlErrorString"
"""Answers with a text instead of a return code, and asks nothing of the driver."""

_BY_REFERENCE: type[Any] = type(ctypes.byref(ctypes.c_int()))


class Recorder:
    """Takes the place of a loaded library in pynvml, and hands every call on to it.

    What crosses it is understood by its ctypes types alone, so that any call can be recorded.
    `clock` (seconds) measures calls.
    """

    def __init__(self, library: Any, clock: Callable[[], float] = time.perf_counter) -> None:  # noqa: ANN401 - of ctypes, or like it
        self._library = library
        self._clock = clock
        self._names: dict[int, str] = {}
        self._calls: list[Call] = []
        self._missing: dict[str, None] = {}
        self.layouts: dict[str, Layout] = {}
        self.collections: list[Collection] = []

    @property
    def missing(self) -> tuple[str, ...]:
        """Symbols that were asked for and that the library does not have."""
        return tuple(self._missing)

    def __getattr__(self, symbol: str) -> Any:  # noqa: ANN401 - a function
        """Return a function that records each call of a symbol; AttributeError without one."""
        if symbol.startswith("_"):
            raise AttributeError(symbol)
        try:
            function = getattr(self._library, symbol)
        except AttributeError:
            self._missing[symbol] = None
            raise
        return function if symbol == WORDS else partial(self._call, symbol, function)

    def end_collection(self, at: float) -> None:
        """Take what was called since the last end as a collection that began at `at`."""
        calls, self._calls = self._calls, []
        self.collections.append(Collection(at, tuple(calls)))

    def _call(self, symbol: str, function: Any, *arguments: Any) -> int:  # noqa: ANN401 - as in C
        before = [self._look(argument) for argument in arguments]
        started = self._clock()
        code = int(function(*arguments))
        passed = self._clock() - started
        seen = tuple(
            self._compare(earlier, argument, code)
            for earlier, argument in zip(before, arguments, strict=True)
        )
        self._calls.append(Call(symbol, seen, code, round(1e6 * passed)))
        return code

    def _look(self, argument: Any) -> Argument:  # noqa: ANN401 - anything that ctypes passes
        """Return what an argument says before the call."""
        if argument is None:
            return None
        if isinstance(argument, int):
            return Number(argument, "i")
        is_reference = isinstance(argument, _BY_REFERENCE)
        target = _target(argument)
        if isinstance(target, _Pointer | ctypes.c_void_p):
            return Handle(None if is_reference else self._name(target), is_reference)
        if isinstance(target, ctypes.Array) and target._type_ is ctypes.c_char:
            return Text(None)
        if is_reference or isinstance(target, ctypes.Array):
            return self._memory(target)
        return Number(target.value, layout_of(type(target)).codes)

    def _compare(self, earlier: Argument, argument: Any, code: int) -> Argument:  # noqa: ANN401 - as above
        """Return what an argument said, with what the call wrote there, be it what was there."""
        match earlier:
            case Handle(_, True):
                return Handle(self._name(_target(argument)), is_answer=True)
            case Text():
                text = bytes(argument).partition(b"\0")[0]
                return Text(text.decode("latin-1") if any(bytes(argument)) else None)
            case Memory(given=given):
                now = self._memory(_target(argument)).given
                return earlier._replace(answer=now if now != given or not code else None)
        return earlier

    def _memory(self, target: Any) -> Memory:  # noqa: ANN401 - a ctypes object
        is_array = isinstance(target, ctypes.Array)
        kind = target._type_ if is_array else type(target)
        layout = self.layouts.setdefault(kind.__name__, layout_of(kind))
        address = ctypes.addressof(target)
        places = range(address, address + ctypes.sizeof(target), layout.size)
        return Memory(
            kind.__name__, is_array, tuple(self._row(layout, place) for place in places), None
        )

    def _row(self, layout: Layout, address: int) -> Row:
        """Read a row; an address means nothing on another machine, unless it is a handle."""
        row = layout.read(address)
        return tuple(
            self._names.get(int(value), 0) if kind == POINTER else value
            for kind, value in zip(layout.kinds, row, strict=True)
        )

    def _name(self, pointer: Any) -> str | None:  # noqa: ANN401 - a pointer of ctypes
        address = ctypes.cast(pointer, ctypes.c_void_p).value
        if not address:
            return None
        return self._names.setdefault(address, f"handle {len(self._names) + 1}")


def _target(argument: Any) -> Any:  # noqa: ANN401 - anything that ctypes passes
    """Return what an argument made by `byref` points to; others are what they are."""
    return argument._obj if isinstance(argument, _BY_REFERENCE) else argument  # noqa: SLF001 - the one way to it
