"""A metric as the catalog knows it, and a metric with its samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the catalog: the name is a contract, `help` one sentence without full stop."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...] = ()


class Sample(NamedTuple):
    """One series: label values in the order of the metric's labels, and the value."""

    labels: tuple[str, ...]
    value: float


class Family(NamedTuple):
    """One metric and its samples at one instant."""

    metric: Metric
    samples: Iterable[Sample]
