"""Pieces compressed apart join to one gzip member that every reader takes."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.compression import Piece, deflate, gzip_member

PAGE = [b"# HELP a A\n" * 400, b"", b'a{x="1"} 5\n' * 3000, b"# EOF\n"]


@given(pieces=st.lists(st.binary(max_size=300), max_size=6))
def test_joined_pieces_are_the_joined_text(pieces: list[bytes]) -> None:
    member = gzip_member([deflate(piece) for piece in pieces])
    assert gzip.decompress(member) == b"".join(pieces)


def test_a_strict_reader_finds_one_member_and_nothing_behind_it() -> None:
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
    assert reader.decompress(gzip_member([deflate(piece) for piece in PAGE])) == b"".join(PAGE)
    assert reader.eof
    assert reader.unused_data == b""


def test_the_gzip_program_finds_no_fault() -> None:
    program = shutil.which("gzip")
    if program is None:
        pytest.skip("the program gzip is not installed")
    member = gzip_member([deflate(piece) for piece in PAGE])
    checked = subprocess.run([program, "-t"], input=member, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")


@pytest.mark.parametrize("flipped", [100, -1, -5])
def test_the_checksum_and_length_guard_the_text(flipped: int) -> None:
    member = bytearray(gzip_member([deflate(piece) for piece in PAGE]))
    member[flipped] ^= 1
    with pytest.raises((OSError, EOFError, zlib.error)):
        gzip.decompress(bytes(member))


def test_a_piece_is_compressed_once() -> None:
    piece = Piece(PAGE[2])
    assert piece.deflated() is piece.deflated()
    assert len(piece.deflated().data) < len(PAGE[2]) / 20
