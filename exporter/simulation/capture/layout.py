"""C memory as rows of numbers and texts, whatever structures the caller uses, and back."""

from __future__ import annotations

import ctypes
import math
import struct
from collections.abc import Iterator
from ctypes import _Pointer, _SimpleCData
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple

Scalar = int | float | str
Row = tuple[Scalar, ...]
"""The values of one structure in the order of the header, with those inside others spread out.

Texts are Latin-1, which has a letter for each byte; a number that JSON lacks is a word (`nan`).
"""

POINTER = "P"
_SAME_SIZE = {"l": "q", "L": "Q", "z": POINTER, "Z": POINTER, "O": POINTER}
"""Codes of ctypes by one that has the same size in each Linux of 64 bits."""
_UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}


@dataclass(frozen=True)
class Layout:
    """How a C type lies in memory: codes as `struct` has them, and the names of what they are."""

    codes: str
    names: tuple[str, ...] = ("",)

    @cached_property
    def size(self) -> int:
        """Bytes of one row."""
        return _size(self.codes)

    @cached_property
    def kinds(self) -> str:
        """One code for each value of a row; `s` is a text."""
        without_pads = (part for part in _parts(self.codes) if part.code != "x")
        return "".join(
            part.code if part.code == "s" else part.code * part.times for part in without_pads
        )

    def read(self, address: int) -> Row:
        """Return the row at an address."""
        return tuple(
            _shown(value)
            for value in struct.unpack(_exact(self.codes), ctypes.string_at(address, self.size))
        )

    def write(self, address: int, row: Row) -> None:
        """Put a row at an address."""
        values = (_packable(kind, value) for kind, value in zip(self.kinds, row, strict=True))
        ctypes.memmove(address, struct.pack(_exact(self.codes), *values), self.size)


def layout_of(kind: type[Any]) -> Layout:
    """Return the layout of a ctypes type."""
    leaves = tuple(_leaves(kind, "", 0))
    codes, end = "", 0
    for leaf in leaves:
        codes += _pad(leaf.offset - end) + leaf.code
        end = leaf.offset + _size(leaf.code)
    return Layout(
        _short(codes) + _pad(ctypes.sizeof(kind) - end), tuple(leaf.name for leaf in leaves)
    )


def _size(codes: str) -> int:
    return struct.calcsize(_exact(codes))


def _exact(codes: str) -> str:
    """Return the format with nothing aligned by itself, as pads are written out."""
    return "=" + codes.replace(POINTER, "Q")


class _Leaf(NamedTuple):
    name: str
    offset: int
    code: str


class _Part(NamedTuple):
    times: int
    code: str


def _leaves(kind: Any, name: str, offset: int) -> Iterator[_Leaf]:  # noqa: ANN401 - a ctypes type
    if issubclass(kind, ctypes.Structure) and not _has_bits(kind):
        for field, of in ((field[0], field[1]) for field in kind._fields_):
            inner = f"{name}.{field}" if name else field
            yield from _leaves(of, inner, offset + getattr(kind, field).offset)
    elif issubclass(kind, ctypes.Array) and kind._type_ is not ctypes.c_char:
        for index in range(kind._length_):
            inner = f"{name}.{index}" if name else str(index)
            yield from _leaves(kind._type_, inner, offset + index * ctypes.sizeof(kind._type_))
    else:
        yield _Leaf(name, offset, _code(kind))


def _code(kind: Any) -> str:  # noqa: ANN401 - a ctypes type
    if issubclass(kind, _Pointer):
        return POINTER
    if issubclass(kind, _SimpleCData) and kind is not ctypes.c_char:
        return _SAME_SIZE.get(kind._type_, str(kind._type_))
    size = ctypes.sizeof(kind)
    # A union is shown as the bits that it holds: which member counts is told beside it.
    is_union = issubclass(kind, ctypes.Union) and size in _UNSIGNED
    return _UNSIGNED[size] if is_union else f"{size}s"


def _has_bits(kind: Any) -> bool:  # noqa: ANN401 - a ctypes type
    return any(len(field) > 2 for field in kind._fields_)


def _pad(size: int) -> str:
    return f"{size}x" if size else ""


def _parts(codes: str) -> Iterator[_Part]:
    count = ""
    for letter in codes:
        if letter.isdigit():
            count += letter
            continue
        yield _Part(int(count or 1), letter)
        count = ""


def _short(codes: str) -> str:
    """Write IIII as 4I; a text stays as it is, since its number is a length."""
    short = ""
    for part, same in groupby(_parts(codes)):
        number = len(list(same))
        if part.code in "sx":
            short += f"{part.times}{part.code}" * number
        else:
            short += f"{number}{part.code}" if number > 1 else part.code
    return short


def _shown(value: Any) -> Scalar:  # noqa: ANN401 - any C value
    if isinstance(value, bytes):
        return value.partition(b"\0")[0].decode("latin-1")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return int(value) if isinstance(value, bool) else value


def _packable(kind: str, value: Scalar) -> Any:  # noqa: ANN401 - any C value
    if kind == "s":
        return str(value).encode("latin-1")
    if kind in "df":
        return float(value)
    return int(value)
