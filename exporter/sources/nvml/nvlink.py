"""NVLinks: state, payload bytes and errors of each link."""

from __future__ import annotations

from functools import cache, partial

import pynvml

from exporter.sources.nvml.fields import SLOW, Field, Handle, single
from exporter.sources.nvml.values import Value


def _kibibytes(value: int) -> int:
    return value * 1024


@cache
def link_fields(count: int) -> tuple[Field, ...]:
    """Return the calls that tell which of so many links are up."""
    return tuple(
        single(f"nvlinks.{link}.active", partial(_state, link), bool, SLOW) for link in range(count)
    )


@cache
def link_values(link: int) -> tuple[Value, ...]:
    """Return the field values of one link; a GPU answers those of its generation.

    Of two that become the same part the latter counts. Bytes: 202 and 204 are of NVLink 5; 138 and
    139, in KiB, of all. Errors: 161 to 163 until Hopper, 208, 211 and 215 from Blackwell on.
    """
    name = f"nvlinks.{link}"
    return (
        Value(f"{name}.transmitted", 202, int, scope=link, wide=True),
        Value(f"{name}.received", 204, int, scope=link, wide=True),
        Value(f"{name}.transmitted", 138, _kibibytes, scope=link, wide=True),
        Value(f"{name}.received", 139, _kibibytes, scope=link, wide=True),
        Value(f"{name}.errors.replay", 161, int, SLOW, link),
        Value(f"{name}.errors.recovery", 162, int, SLOW, link),
        Value(f"{name}.errors.crc", 163, int, SLOW, link),
        Value(f"{name}.errors.receive", 208, int, SLOW, link),
        Value(f"{name}.errors.integrity", 211, int, SLOW, link),
        Value(f"{name}.errors.recovery", 215, int, SLOW, link),
    )


def _state(link: int, handle: Handle) -> int:
    return int(pynvml.nvmlDeviceGetNvLinkState(handle, link))
