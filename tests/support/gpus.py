"""Readings of GPUs, compared without what differs from one collection to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from exporter.simulation import H100
from exporter.simulation.boards import EVERY_ENGINE
from exporter.snapshot import Gpu, Gpus


def timeless(gpu: Gpu) -> Gpu:
    """Return the reading without when it was made, and without what two collections make."""
    return replace(gpu, collected_at=None, collection_seconds=None, activity={}, rates={})


def all_timeless(reading: Gpus) -> Gpus:
    """Return the same of all GPUs of a machine."""
    return replace(reading, gpus=tuple(timeless(gpu) for gpu in reading.gpus))


EVERYTHING = replace(
    H100,
    fan_percent=45,
    fans=2,
    engines=EVERY_ENGINE,
    temperature_limits={0: 92, 1: 89, 2: 95, 3: 85},
    has_module_power=True,
    has_retired_pages=True,
    nvlinks=2,
)
"""A board that gives all that any board gives; there is none like it."""


def parts(gpu: Gpu) -> dict[str, Any]:
    """Return what is known of a GPU, by names such as `clocks.sm` and `nvlinks.0.active`."""
    known: dict[str, Any] = {}
    for field in fields(Gpu):
        known |= _parts(field.name, getattr(gpu, field.name))
    return known


def _parts(name: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - any reading
    items: Iterator[tuple[Any, Any]]
    if isinstance(value, Mapping):
        items = ((".".join(k) if isinstance(k, tuple) else k, v) for k, v in value.items())
    elif hasattr(value, "_asdict"):
        items = iter(value._asdict().items())
    elif isinstance(value, tuple):
        items = ((str(number), each) for number, each in enumerate(value))
    else:
        return {} if value in (None, "") else {name: value}
    return {k: v for key, each in items for k, v in _parts(f"{name}.{key}", each).items()}
