"""What a row of the catalog is: a metric, and how to get its series of one device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Literal, NamedTuple, TypeVar

from exporter.metrics.family import Metric
from exporter.snapshot import Gpu, MigInstance

DEVICE = ("gpu", "uuid")
"""Every series of a device carries its index and its uuid; a MIG device that of its GPU."""

T = TypeVar("T", Gpu, MigInstance)

Kind = Literal["gauge", "counter"]
Number = float | None
Series = Iterator[tuple[tuple[str, ...], Number]]
"""Further label values, and the value; None is not known."""


class Row(NamedTuple, Generic[T]):
    """A metric of devices, and how to get the series of one."""

    metric: Metric
    series: Callable[[T], Series]


def gauge(name: str, text: str, value: Callable[[T], Number]) -> Row[T]:
    """Return the row of one gauge for each device."""
    return Row(Metric(name, "gauge", text, DEVICE), lambda device: iter([((), value(device))]))


def counter(name: str, text: str, value: Callable[[T], Number]) -> Row[T]:
    """Return the row of one counter for each device."""
    return Row(Metric(name, "counter", text, DEVICE), lambda device: iter([((), value(device))]))


def keyed(metric: Metric, values: Callable[[Gpu], Mapping[str, float]]) -> Row[Gpu]:
    """Return the row of a metric whose one further label is the key of a mapping."""
    return Row(metric, lambda gpu: (((key,), value) for key, value in values(gpu).items()))


def labelled(name: str, kind: Kind, text: str, *labels: str) -> Metric:
    """Return a metric of devices with further labels."""
    return Metric(name, kind, text, (*DEVICE, *labels))


def states(
    name: str, text: str, label: str, known: tuple[str, ...], now: Callable[[Gpu], str | None]
) -> Row[Gpu]:
    """Return the row of a state: a series for each state that there is, 1 for the present one."""

    def series(gpu: Gpu) -> Series:
        present = now(gpu)
        if present is not None:
            for state in dict.fromkeys((*known, present)):
                yield (state,), float(state == present)

    return Row(labelled(name, "gauge", text, label), series)
