"""A library of C callbacks that answers as the one that was captured did."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Iterator, Mapping
from ctypes import CFUNCTYPE, c_int, c_void_p
from functools import partial
from typing import Any

from exporter.simulation.abi import write_text
from exporter.simulation.capture.document import (
    Argument,
    Call,
    Capture,
    Handle,
    Memory,
    Number,
    Text,
)
from exporter.simulation.capture.parts import FieldValues, Function, Key, Parts, Performance
from exporter.simulation.codes import NvmlFailure, Return

FIRST_HANDLE = 0x10000
_INTEGERS: Mapping[str, type[Any]] = {
    "i": ctypes.c_int,
    "I": ctypes.c_uint,
    "q": ctypes.c_longlong,
    "Q": ctypes.c_ulonglong,
}


class ReplayedLibrary:
    """Takes the place of the loaded library: `install(ReplayedLibrary(capture))`.

    Each call is answered as the same call was in the collection of the moment; one that is made
    more often gets the last answer again. What was never asked is not supported, and a symbol that
    was never called is missing, as in a driver that is too old for it.
    """

    def __init__(self, capture: Capture) -> None:
        self._layouts = capture.layouts
        self._addresses: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._answers = _Answers()
        self._parts = Parts()
        symbols: dict[str, list[Call]] = {}
        for number, collection in enumerate(capture.collections):
            for call in collection.calls:
                symbols.setdefault(call.symbol, []).append(call)
                self._answers.add(self._key(call), number, call)
        functions: dict[str, Function] = {
            symbol: (_types(calls), partial(self._answer, symbol, _widest(calls)))
            for symbol, calls in symbols.items()
        }
        for of_parts in (FieldValues, Performance):
            found = of_parts(capture, self._name_of, self._parts).functions()
            functions |= {symbol: f for symbol, f in found.items() if symbol in symbols}
        # The pointers must live as long as anyone may call them: ctypes keeps no reference.
        self._pointers = {symbol: _pointer(*function) for symbol, function in functions.items()}

    def __getattr__(self, symbol: str) -> Any:  # noqa: ANN401 - ctypes function pointers
        """Return the function pointer of a C symbol; AttributeError for one never called."""
        if symbol.startswith("_") or symbol not in self._pointers:
            raise AttributeError(symbol)
        return self._pointers[symbol]

    def begin(self, collection: int) -> None:
        """Answer as in this collection from now on, counted from 0."""
        self._parts.collection = self._answers.collection = collection

    def _answer(self, symbol: str, form: tuple[Argument, ...], *given: int | None) -> None:
        told = map(self._told, form, given)
        call = self._answers.next((symbol, *_without_rooms(form, told)))
        if call is None:
            raise NvmlFailure(Return.NOT_SUPPORTED)
        for number, (argument, place) in enumerate(zip(call.arguments, given, strict=True)):
            if place:
                # The room for a text is the next argument.
                room = given[number + 1] if number + 1 < len(given) else None
                self._write(argument, place, room)
        if call.code:
            raise NvmlFailure(call.code)

    def _write(self, argument: Argument, place: int, room: int | None) -> None:
        match argument:
            case Handle(name, True):
                c_void_p.from_address(place).value = self._address(name)
            case Text(str(answer)):
                # Back to the bytes that were captured, be they UTF-8 or damaged.
                text = answer.encode("latin-1").decode(errors="surrogateescape")
                write_text(place, room or 0, text)
            case Memory(kind, _, _, answer) if answer is not None:
                layout = self._layouts[kind]
                for number, row in enumerate(answer):
                    layout.write(place + number * layout.size, row)

    def _key(self, call: Call) -> Key:
        recorded = map(self._recorded, call.arguments)
        return call.symbol, *_without_rooms(call.arguments, recorded)

    def _recorded(self, argument: Argument) -> object:
        """Return what a call was told by an argument; a room for an answer tells nothing."""
        match argument:
            case Number(value, _):
                return value
            case Handle(name, False):
                self._address(name)
                return name
            case Memory(_, False, (row,), _):
                return row
        return argument is None

    def _told(self, form: Argument, given: int | None) -> object:
        """Return the same of a call that is made now, where `form` is an argument like it."""
        match form:
            case Number():
                return given
            case Handle(_, False):
                return self._name_of(given)
            case Memory(kind, False):
                return self._layouts[kind].read(given) if given else True
        return not given

    def _name_of(self, handle: int | None) -> str | None:
        return self._names.get(handle or 0)

    def _address(self, name: str | None) -> int | None:
        if name is None:
            return None
        address = self._addresses.setdefault(name, FIRST_HANDLE + len(self._addresses))
        self._names[address] = name
        return address


class _Answers:
    """The calls by what they were told, in the order of each collection."""

    def __init__(self) -> None:
        self._parts = Parts()
        self._used: dict[int, int] = {}

    @property
    def collection(self) -> int:
        return self._parts.collection

    @collection.setter
    def collection(self, number: int) -> None:
        self._parts.collection = number
        self._used.clear()

    def add(self, key: Key, collection: int, call: Call) -> None:
        self._parts.add(key, collection, []).append(call)

    def next(self, key: Key) -> Call | None:
        """Return the answer to a call that is made once more; None if it was never made."""
        calls = self._parts.get(key)
        if calls is None:
            return None
        used = self._used.get(id(calls), 0)
        self._used[id(calls)] = used + 1
        answer: Call = calls[min(used, len(calls) - 1)]
        return answer


def _without_rooms(form: Iterable[Argument], told: Iterable[object]) -> Iterator[object]:
    """Yield what was told, without how much room there is for a text: other callers have more."""
    is_room = False
    for argument, value in zip(form, told, strict=True):
        yield None if is_room else value
        is_room = isinstance(argument, Text)


def _widest(calls: list[Call]) -> tuple[Argument, ...]:
    """Return one argument of each place: some calls leave a place out (null)."""
    of_places = zip(*(call.arguments for call in calls), strict=True)
    return tuple(next((a for a in found if a is not None), None) for found in of_places)


def _types(calls: list[Call]) -> tuple[type[Any], ...]:
    return tuple(
        _INTEGERS[argument.code] if isinstance(argument, Number) else c_void_p
        for argument in _widest(calls)
    )


def _pointer(types: tuple[type[Any], ...], call: Callable[..., None]) -> Any:  # noqa: ANN401 - ctypes
    def answer(*arguments: int) -> int:
        try:
            call(*arguments)
        except NvmlFailure as failure:
            return failure.code
        return Return.SUCCESS

    return CFUNCTYPE(c_int, *types)(answer)
