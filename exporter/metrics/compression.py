"""One gzip member out of pieces that were compressed at different times."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

_LEVEL = 6
_LEAST_WINDOW_BITS = 9
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # RFC 1952: deflate, no flags, no time, unknown system
_FINAL_BLOCK = b"\x03\0"  # RFC 1951: an empty last block
_POLYNOMIAL = 0xEDB88320  # of CRC-32, reflected: bit 31 is x to the power of 0
_ONE = 1 << 31
_X_TO_8 = 1 << 23


class Deflated(NamedTuple):
    """Raw deflate data that end on a byte boundary and refer to nothing before themselves.

    `crc` and `size` are of the plain bytes; `shift` is x**(8 * size) modulo the CRC polynomial,
    which moves the CRC of whatever comes before past these bytes.
    """

    data: bytes
    crc: int
    size: int
    shift: int


class Piece:
    """Part of a page, compressed when first asked for."""

    def __init__(self, plain: bytes) -> None:
        self.plain = plain
        self._deflated: Deflated | None = None

    def deflated(self) -> Deflated:
        """Return the compressed form, the same object each time."""
        if self._deflated is None:
            self._deflated = deflate(self.plain)
        return self._deflated


def deflate(plain: bytes) -> Deflated:
    """Compress one piece so that others can stand before and behind it."""
    compressor = _compressor(len(plain))
    data = compressor.compress(plain) + compressor.flush(zlib.Z_FULL_FLUSH)
    return Deflated(data, zlib.crc32(plain), len(plain), _power(_X_TO_8, len(plain)))


def _compressor(size: int) -> zlib._Compress:
    """Return a compressor of raw deflate data with tables no larger than so many bytes need.

    By default they take 256 KiB, which the allocator would keep for every thread that ever served
    a scrape. A window as large as the piece loses nothing.
    """
    window_bits = min(max(size.bit_length(), _LEAST_WINDOW_BITS), zlib.MAX_WBITS)
    memory_level = min(window_bits - _LEAST_WINDOW_BITS + 2, zlib.DEF_MEM_LEVEL)
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, -window_bits, memory_level)


def gzip_member(parts: Sequence[Deflated]) -> bytes:
    """Join pieces to one gzip member, at a cost that does not depend on their plain size."""
    crc = 0
    for part in parts:
        crc = _multiply(part.shift, crc) ^ part.crc
    size = sum(part.size for part in parts)
    trailer = struct.pack("<II", crc, size & 0xFFFFFFFF)
    return b"".join((_HEADER, *(part.data for part in parts), _FINAL_BLOCK, trailer))


def _multiply(a: int, b: int) -> int:
    """Multiply polynomials over GF(2) modulo the CRC polynomial (zlib's `multmodp`)."""
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ (_POLYNOMIAL if b & 1 else 0)
    return product


def _power(base: int, exponent: int) -> int:
    """Raise a polynomial to a power by squaring."""
    result = _ONE
    while exponent:
        if exponent & 1:
            result = _multiply(base, result)
        base = _multiply(base, base)
        exponent >>= 1
    return result
