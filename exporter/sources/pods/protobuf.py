"""The wire format of protocol buffers, as far as reading needs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10

NOTHING = memoryview(b"")


class Malformed(ValueError):  # noqa: N818 - a state of the world, not a mistake
    """The bytes are no message; says at which byte that shows."""


class Field(NamedTuple):
    """One field of a message: its number, and its bytes where it is a string or a message.

    Numbers are passed over: nothing that is read here is one.
    """

    number: int
    data: memoryview

    @property
    def text(self) -> str:
        """The field as a string."""
        return str(self.data, "utf-8", "replace")


def fields(message: memoryview) -> Iterator[Field]:
    """Yield the fields of a message in their order; raises Malformed where it is none."""
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if not number:
            raise Malformed(f"field number 0 before byte {at}")
        if wire_type == _BYTES:
            size, at = _varint(message, at)
        elif wire_type in _WIDTHS:
            size = _WIDTHS[wire_type]
        elif wire_type == _VARINT:
            _, at = _varint(message, at)
            size = 0
        else:
            raise Malformed(f"wire type {wire_type} before byte {at}")
        if at + size > end:
            raise Malformed(f"field {number} at byte {at} goes on after the end")
        yield Field(number, message[at : at + size] if wire_type == _BYTES else NOTHING)
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the number that begins at byte `at`, and where it ends."""
    if at < len(message) and message[at] < 0x80:
        return message[at], at + 1
    value = 0
    for position, byte in enumerate(message[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return value, at + position + 1
    raise Malformed(f"a number at byte {at} has no end")
