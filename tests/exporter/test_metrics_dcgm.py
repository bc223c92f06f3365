"""What was made for dcgm-exporter finds its names, labels and units, where it is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric as ClientMetric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from exporter.app.machine import machine_sources
from exporter.board import Board
from exporter.config import DEFAULT_CONFIG, NvmlSection
from exporter.metrics import dcgm, gpu
from exporter.metrics.dcgm import reference
from exporter.metrics.encoding import Format, encode
from exporter.options import RunOptions
from exporter.snapshot import Gpu, Gpus, MigInstance
from tests.support.captures import captured
from tests.support.golden import assert_golden
from tests.support.promtool import lint_metrics

GOLDEN = Path(__file__).with_name("golden")
HOST = "node-7"
TARGET_LABELS = {"namespace", "pod", "container", "node", "instance", "job"}
DASHBOARD = {
    "DCGM_FI_DEV_GPU_TEMP": {"Hostname", "gpu"},
    "DCGM_FI_DEV_POWER_USAGE": {"Hostname", "gpu"},
    "DCGM_FI_DEV_SM_CLOCK": {"Hostname", "gpu", "UUID"},
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": {"Hostname", "gpu", "GPU_I_ID", "GPU_I_PROFILE"},
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": {"Hostname", "gpu", "GPU_I_ID", "GPU_I_PROFILE"},
    "DCGM_FI_DEV_FB_USED": {"Hostname", "gpu", "GPU_I_ID", "GPU_I_PROFILE"},
    "DCGM_FI_DEV_FB_FREE": {"Hostname", "gpu"},
    "DCGM_FI_DEV_GPU_UTIL": {"gpu"},
}
"""What the queries and variables of Grafana's dashboard 12239 ask for, in its versions so far."""


def page(reading: Gpus, form: Format = Format.TEXT) -> str:
    return encode(dcgm.families(reading, HOST), form).text.decode()


def values(reading: Gpus) -> dict[str, float]:
    """Return the values of one GPU by name."""
    return {
        family.metric.name: sample.value
        for family in dcgm.families(reading, HOST)
        for sample in family.samples
    }


def one(device: Gpu) -> Gpus:
    return Gpus((device,), 1, "580.95.05", "13.0", "13.580")


@pytest.mark.parametrize("profile", ["h100", "h100-mig", "t4"])
def test_the_aliases_of_each_profile_are_the_recorded_ones(profile: str) -> None:
    assert_golden(GOLDEN / f"dcgm-{profile}.prom", page(captured(profile)[1]))


def test_promtool_reads_them_and_minds_only_their_names() -> None:
    said = lint_metrics(page(captured("h100")[1]).encode())
    assert {line.partition(" ")[2] for line in said} == {
        'counter metrics should have "_total" suffix',
        "label names should be written in 'snake_case' not 'camelCase'",
        "metric name should not include type 'counter'",
    }


def test_dashboard_12239_finds_all_it_asks_for() -> None:
    metrics = {metric.name: metric for metric in dcgm.METRICS}
    for name, labels in DASHBOARD.items():
        assert labels <= set(metrics[name].labels)
    shown = {
        sample.name for family in read_text(page(captured("h100")[1])) for sample in family.samples
    }
    assert DASHBOARD.keys() <= shown


def test_units_are_those_of_dcgm() -> None:
    device = Gpu(
        0,
        "GPU-0",
        memory_used=3 * 2**30,
        memory_free=2**20,
        clocks={"sm": 1.98e9, "memory": 2.619e9},
        engines={"encoder": 0.29, "decoder": 0.57},
        memory_utilization=0.07,
        energy=1234.567,
        power=70.5,
    )
    found = values(one(device))
    assert found == {
        "DCGM_FI_DEV_FB_USED": 3072,
        "DCGM_FI_DEV_FB_FREE": 1,
        "DCGM_FI_DEV_SM_CLOCK": 1980,
        "DCGM_FI_DEV_MEM_CLOCK": 2619,
        "DCGM_FI_DEV_ENC_UTIL": 29,
        "DCGM_FI_DEV_DEC_UTIL": 57,
        "DCGM_FI_DEV_MEM_COPY_UTIL": 7,
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": 1234567,
        "DCGM_FI_DEV_POWER_USAGE": 70.5,
    }


@pytest.mark.parametrize(
    ("xids", "at", "last"),
    [
        ({}, {}, None),
        ({48: 0, 79: 0}, {}, 0),
        ({48: 1, 79: 2, 31: 5}, {48: 30.0, 79: 10.0, 31: 20.0}, 48),
    ],
)
def test_the_last_xid_is_shown_with_its_code(
    xids: dict[int, int], at: dict[int, float], last: int | None
) -> None:
    reading = one(Gpu(0, "GPU-0", xids=xids, xid_at=at))
    assert values(reading).get("DCGM_FI_DEV_XID_ERRORS") == last
    assert ('err_code="48"' in page(reading)) == (last == 48)


def test_a_divided_gpu_has_its_memory_by_instances_alone() -> None:
    instance = MigInstance("MIG-1", 7, 0, "1g.10gb", memory_used=2**30)
    divided = one(Gpu(0, "GPU-0", memory_used=5 * 2**30, temperature=60, instances=(instance,)))
    families = {family.metric.name: list(family.samples) for family in dcgm.families(divided, HOST)}
    ((labels, used),) = families["DCGM_FI_DEV_FB_USED"]
    assert (labels[:2], labels[-2:], used) == (("0", "GPU-0"), ("1g.10gb", "7"), 1024)
    assert [value for _, value in families["DCGM_FI_DEV_GPU_TEMP"]] == [60]


def test_no_alias_carries_a_label_that_scrapes_stamp() -> None:
    assert not [m.name for m in dcgm.METRICS if TARGET_LABELS & set(m.labels)]


def test_openmetrics_takes_them_too() -> None:
    text = page(captured("h100")[1], Format.OPENMETRICS) + Format.OPENMETRICS.ending.decode()
    read: Callable[[str], Iterable[ClientMetric]] = read_openmetrics
    kinds = {family.name: family.type for family in read(text)}
    assert kinds["DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"] == "unknown"
    assert kinds["DCGM_FI_DEV_GPU_TEMP"] == "gauge"


@pytest.mark.parametrize("asked_for", [True, False])
def test_they_are_there_only_where_they_are_asked_for(*, asked_for: bool) -> None:
    nvml = NvmlSection(dcgm_aliases=asked_for)
    config = DEFAULT_CONFIG.model_copy(update={"nvml": nvml})
    options = RunOptions(collect_pods=False, node=HOST)
    ((_, families),) = machine_sources(options, config, Board())
    reading = one(Gpu(0, "GPU-0", temperature=60.0))
    names = [family.metric.name for family in families(reading)]
    others = [metric.name for metric in dcgm.METRICS] if asked_for else []
    assert names == [family.metric.name for family in gpu.families(reading)] + others


def test_the_page_about_them_is_up_to_date_and_names_every_default() -> None:
    text = Path(reference.__file__).with_name("DCGM.md").read_text()
    assert text == reference.markdown(), "write it: python -m exporter.metrics.dcgm.reference"
    given = {metric.name for metric in dcgm.METRICS}
    assert {*reference.DEFAULTS} == {*reference.DEFAULTS} & given | {*reference.LACKING}
    assert not given & reference.LACKING.keys()
    assert {*reference.DEFAULTS} <= set(re.findall(r"DCGM_FI_\w+", text))
