"""Families become bytes that every parser reads back, whatever the labels hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as ClientMetric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from prometheus_client.registry import Collector

from exporter.metrics.encoding import EOF, Format, clean, encode, negotiate
from exporter.metrics.family import Family, Metric, Sample

GAUGE = Metric("run_metric", "gauge", 'The value, "quoted" and \\ with\na new line', ("run", "key"))
COUNTER = Metric("things_total", "counter", "Things", ("kind",))
READERS: dict[Format, Callable[[str], Iterable[ClientMetric]]] = {
    Format.TEXT: read_text,
    Format.OPENMETRICS: read_openmetrics,
}
ANYTHING = st.text(st.characters())  # surrogates included


def series(form: Format, text: bytes) -> dict[tuple[str, ...], float]:
    """Parse a whole page into (name, label values...) -> value."""
    families = READERS[form]((text + form.ending).decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize("form", list(Format))
@given(labels=st.lists(st.tuples(ANYTHING, ANYTHING), unique=True, max_size=5))
def test_any_text_in_a_label_reads_back(form: Format, labels: list[tuple[str, str]]) -> None:
    values = {label: float(number) for number, label in enumerate(labels)}
    encoded = encode([Family(GAUGE, [Sample(*item) for item in values.items()])], form)
    expected: dict[tuple[str, ...], float] = {}
    for (run, key), value in values.items():
        # The exposition sorts labels by name: key, run.
        expected.setdefault(("run_metric", clean(key), clean(run)), value)
    assert series(form, encoded.text) == expected
    assert encoded.duplicates == len(values) - len(expected)


NAMES = st.lists(st.from_regex(r"[a-z][a-z_0-9]{0,3}", fullmatch=True), unique=True, max_size=4)
NUMBERS = st.one_of(st.floats(), st.integers(-(2**63), 2**63), st.sampled_from([1e6, 1e7, 1e21]))


@st.composite
def anything(draw: st.DrawFn) -> Family:
    """Draw any metric and samples of it."""
    labels = tuple(draw(NAMES))
    counts = draw(st.booleans())
    values = st.tuples(*[ANYTHING] * len(labels))
    samples = draw(st.lists(st.builds(Sample, values, NUMBERS), max_size=6))
    about = draw(ANYTHING.map(clean))
    metric = (
        Metric("any_total", "counter", about, labels)
        if counts
        else Metric("any_metric", "gauge", about, labels)
    )
    return Family(metric, samples)


@pytest.mark.parametrize("form", list(Format))
@given(family=anything())
def test_the_bytes_are_those_of_the_official_client(form: Format, family: Family) -> None:
    metric, samples = family
    official = {"gauge": GaugeMetricFamily, "counter": CounterMetricFamily}[metric.kind](
        metric.name, metric.help, labels=metric.labels
    )
    first: dict[tuple[str, ...], float] = {}
    for labels, value in samples:
        first.setdefault(tuple(map(clean, labels)), value)
    for series_labels, value in first.items():
        official.add_metric(series_labels, value)
    registry = CollectorRegistry()
    registry.register(_Collected(official))
    expected = choose_encoder(form.value)[0](registry).removesuffix(EOF)
    ours = encode([family], form)
    assert ours.text == (expected if first else b"")
    assert (ours.series, ours.duplicates) == (len(first), len(list(samples)) - len(first))


class _Collected(Collector):
    """A collector of one family that is there already."""

    def __init__(self, family: ClientMetric) -> None:
        self._family = family

    def collect(self) -> Iterable[ClientMetric]:
        return [self._family]


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("plain", "plain"),
        ('quote " slash \\ line\n tab\t', 'quote " slash \\ line\n tab\t'),
        ("Verlust ↓ 损失", "Verlust ↓ 损失"),
        ("nul\0byte", "nul\0byte"),
        ("lone \ud800 surrogate", "lone ? surrogate"),
    ],
)
def test_only_what_no_page_can_hold_is_replaced(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


@pytest.mark.parametrize("form", list(Format))
def test_values_that_are_no_finite_number_are_written_as_such(form: Format) -> None:
    samples = [
        Sample(("a", "nan"), math.nan),
        Sample(("a", "inf"), math.inf),
        Sample(("a", "-inf"), -math.inf),
        Sample(("a", "mlflow's largest"), 1.797e308),
    ]
    text = encode([Family(GAUGE, samples)], form).text.decode()
    assert [line.rpartition(" ")[2] for line in text.splitlines()[2:]] == [
        "NaN",
        "+Inf",
        "-Inf",
        "1.797e+308",
    ]


@pytest.mark.parametrize("form", list(Format))
def test_of_duplicate_series_the_first_is_kept_and_the_rest_counted(form: Format) -> None:
    family = Family(GAUGE, [Sample(("a", "b"), 1), Sample(("a", "b"), 2), Sample(("a", "c"), 3)])
    encoded = encode([family], form)
    assert series(form, encoded.text) == {("run_metric", "b", "a"): 1, ("run_metric", "c", "a"): 3}
    assert encoded.duplicates == 1


@pytest.mark.parametrize("form", list(Format))
def test_families_of_one_name_become_one(form: Format) -> None:
    encoded = encode(
        [
            Family(GAUGE, [Sample(("a", "x"), 1)]),
            Family(COUNTER, [Sample(("k",), 5)]),
            Family(GAUGE, [Sample(("b", "x"), 2)]),
        ],
        form,
    )
    assert encoded.text.count(b"# TYPE run_metric gauge") == 1
    assert len(series(form, encoded.text)) == 3


def test_a_family_without_samples_leaves_no_trace() -> None:
    assert encode([Family(GAUGE, [])], Format.TEXT).text == b""


def test_a_part_never_ends_the_page() -> None:
    assert EOF not in encode([Family(COUNTER, [Sample(("k",), 1)])], Format.OPENMETRICS).text


@pytest.mark.parametrize("labels", [("a",), ("a", "b", "c")])
def test_a_sample_with_the_wrong_number_of_labels_is_refused(labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="run_metric takes labels"):
        encode([Family(GAUGE, [Sample(labels, 1)])], Format.TEXT)


PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("text/html,application/xhtml+xml", Format.TEXT),
        ("text/plain;version=1.0.0;escaping=dots", Format.TEXT),
        ("application/openmetrics-text;version=0.0.1", Format.TEXT),
        ("application/openmetrics-text;version=nonsense", Format.TEXT),
        ("application/openmetrics-text", Format.OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;escaping=values", Format.OPENMETRICS),
        (PROMETHEUS_2, Format.OPENMETRICS),
        (PROMETHEUS_3, Format.OPENMETRICS),
    ],
)
def test_the_accept_header_chooses_between_two_formats(accept: str, form: Format) -> None:
    assert negotiate(accept) is form


MEDIA_TYPES = ("application/openmetrics-text", "text/plain", "text/html", "*/*")
PARAMETERS = (
    "",
    ";version=1.0.0",
    "; version=0.0.4; q=0.5",
    ";version=2.0.0;escaping=dots",
    ";q=1",
)
ACCEPTED = st.lists(st.tuples(st.sampled_from(MEDIA_TYPES), st.sampled_from(PARAMETERS)))


@given(accepted=ACCEPTED)
def test_the_official_client_would_choose_the_same(accepted: list[tuple[str, str]]) -> None:
    header = ", ".join("".join(each) for each in accepted)
    _, chosen = choose_encoder(header)
    assert (negotiate(header) is Format.OPENMETRICS) == ("openmetrics" in chosen)
