"""Any structure of NVML's binding can be written down and put back."""

from __future__ import annotations

import ctypes
import json
import random
from typing import Any

import pynvml
import pytest

from exporter.simulation.capture.layout import layout_of

KINDS = [
    kind
    for kind in vars(pynvml).values()
    if isinstance(kind, type) and issubclass(kind, (ctypes.Structure, ctypes.Union))
    if hasattr(kind, "_fields_")
]
"""All structures, also those that nothing asks for yet."""


class Nested(ctypes.Structure):
    """Whatever makes a layout hard to tell, in one structure."""

    _fields_ = (
        ("small", ctypes.c_ubyte),
        ("wide", ctypes.c_double),
        ("name", ctypes.c_char * 5),
        ("pairs", pynvml.c_nvmlUtilization_t * 2),
        ("signed", ctypes.c_int),
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_structure_reads_back_as_it_was_written(kind: type[Any]) -> None:
    layout = layout_of(kind)
    assert layout.size == ctypes.sizeof(kind)
    assert len(layout.kinds) == len(layout.names)
    noise = random.Random(kind.__name__).randbytes(layout.size)  # noqa: S311 - any bytes will do
    row = layout.read(ctypes.addressof(ctypes.create_string_buffer(noise)))
    stored = tuple(json.loads(json.dumps(row, allow_nan=False)))
    copy = ctypes.create_string_buffer(layout.size)
    layout.write(ctypes.addressof(copy), stored)
    assert layout.read(ctypes.addressof(copy)) == row == stored


def test_values_of_inner_structures_are_spread_out_with_their_names() -> None:
    layout = layout_of(Nested)
    assert layout.codes == "B7xd5s3x4Ii4x"
    assert layout.names == (
        *("small", "wide", "name"),
        *("pairs.0.gpu", "pairs.0.memory", "pairs.1.gpu", "pairs.1.memory", "signed"),
    )
    nested = Nested(1, float("nan"), b"ab", signed=-2)
    nested.pairs[1].memory = 7
    assert layout.read(ctypes.addressof(nested)) == (1, "nan", "ab", 0, 0, 0, 7, -2)
