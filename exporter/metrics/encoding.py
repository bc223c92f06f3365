"""Families as bytes, in the two exposition formats that scrapers speak."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as ClientMetric

from exporter.metrics.family import Family, Metric, Sample

EOF = b"# EOF\n"


class Format(StrEnum):
    """An exposition format; the value is its Content-Type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    @property
    def ending(self) -> bytes:
        """What a page in this format must end with."""
        return EOF if self is Format.OPENMETRICS else b""


class Encoded(NamedTuple):
    """Part of a page without its ending, and how many series it lacks as duplicates."""

    text: bytes
    duplicates: int


# Our names need no escaping; told so, the client library does not look at each of their letters.
_ENCODERS = {form: choose_encoder(f"{form}; escaping=allow-utf-8")[0] for form in Format}


def negotiate(accept: str) -> Format:
    """Choose the format for an Accept header, as prometheus_client does.

    There are two answers however versions and escapings are asked for: all our names are plain, so
    each escaping gives the same bytes, and a header must not grow the cache of rendered pages.
    """
    try:
        _, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is no number
        return Format.TEXT
    wants_openmetrics = content_type.startswith("application/openmetrics-text")
    return Format.OPENMETRICS if wants_openmetrics else Format.TEXT


def encode(families: Iterable[Family], form: Format) -> Encoded:
    """Write families in the exposition format; empty ones are left out.

    Families of one name are joined, and of several series with the same labels the first is kept,
    because a page with either fault is refused as a whole. Raises ValueError when a sample has not
    as many label values as its metric has labels.
    """
    parts = []
    duplicates = 0
    for metric, samples in _grouped(families):
        family = _client_family(metric)
        duplicates += _fill(family, metric, samples)
        if family.samples:
            parts.append(_ENCODERS[form](_One(family)).removesuffix(EOF))
    return Encoded(b"".join(parts), duplicates)


def clean(label: str) -> str:
    """Replace lone surrogates, which JSON may hold and UTF-8 cannot."""
    return label if label.isascii() else label.encode("utf-8", "replace").decode("utf-8")


class _One:
    """A registry of one metric, which is what the client library's encoders read."""

    def __init__(self, family: ClientMetric) -> None:
        self._family = family

    def collect(self) -> Iterable[ClientMetric]:
        return (self._family,)


def _grouped(families: Iterable[Family]) -> Iterator[tuple[Metric, Iterable[Sample]]]:
    by_name: dict[str, tuple[Metric, list[Iterable[Sample]]]] = {}
    for metric, samples in families:
        by_name.setdefault(metric.name, (metric, []))[1].append(samples)
    for metric, groups in by_name.values():
        yield metric, chain.from_iterable(groups)


def _client_family(metric: Metric) -> GaugeMetricFamily | CounterMetricFamily:
    family = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return family(metric.name, metric.help, labels=metric.labels)


def _fill(
    family: GaugeMetricFamily | CounterMetricFamily, metric: Metric, samples: Iterable[Sample]
) -> int:
    """Add the samples to the family and return how many were duplicates."""
    width = len(metric.labels)
    seen: set[tuple[str, ...]] = set()
    count = 0
    for labels, value in samples:
        if len(labels) != width:
            raise ValueError(f"{metric.name} takes labels {metric.labels}, not {labels}")
        count += 1
        series = tuple([clean(label) for label in labels])
        if series not in seen:
            seen.add(series)
            family.add_metric(series, value)
    return count - len(seen)
