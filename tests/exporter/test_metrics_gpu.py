"""GPU readings become the series that the catalog promises, and unknown readings become none."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics.encoding import Format, encode
from exporter.metrics.family import Family, Metric
from exporter.metrics.gpu import METRICS, families
from exporter.simulation import H100, RTX_4080, SimulatedGpus, SimulatedLibrary, installed
from exporter.snapshot import Gpu, Gpus
from exporter.sources.nvml import NvmlSource

GOLDEN = Path(__file__).with_name("golden") / "two_simulated_gpus.prom"
STANDSTILL = 1_760_000_000.0
FULL_CARD = replace(RTX_4080, ecc_counters=H100.ecc_counters, has_serial=True)
USERS_NAMES = (
    "nvidia_gpu_memory_used_bytes",
    "nvidia_gpu_utilization_pct",
    "nvidia_gpu_temperature_celsius",
)


def page(gpus: Gpus) -> bytes:
    return encode(families(gpus), Format.TEXT).text


def by_name(gpus: Gpus) -> dict[str, Family]:
    return {family.metric.name: family for family in families(gpus)}


@pytest.fixture
def reading() -> Gpus:
    """Read two cards that support everything, a minute after the driver's start."""
    clock = iter([STANDSTILL])
    gpus = SimulatedGpus(2, FULL_CARD, clock=lambda: next(clock, STANDSTILL + 60))
    with installed(SimulatedLibrary(gpus)):
        return NvmlSource(simulated=True).collect(0.0)


def test_the_page_of_two_simulated_gpus_is_the_recorded_one(reading: Gpus) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_bytes(page(reading))
    assert page(reading) == GOLDEN.read_bytes()


def test_promtool_finds_nothing_to_say(reading: Gpus) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool: Debian's package prometheus brings it")
    lost = replace(reading, lost=("GPU-1",))
    done = subprocess.run(
        [promtool, "check", "metrics"], input=page(lost), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_names_that_users_gave_are_kept(reading: Gpus) -> None:
    gpu = reading.gpus[0]
    shown = by_name(reading)
    assert [next(iter(shown[name].samples)) for name in USERS_NAMES] == [
        (("0", gpu.uuid), gpu.memory_used),
        (("0", gpu.uuid), gpu.utilization),
        (("0", gpu.uuid), gpu.temperature),
    ]


def test_every_metric_of_the_catalog_can_be_shown(reading: Gpus) -> None:
    shown = [family.metric for family in families(replace(reading, lost=("GPU-1",)))]
    assert shown == list(METRICS)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_kinds_and_labels_follow_the_conventions(metric: Metric) -> None:
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert metric.help
    assert not metric.help.endswith(".")
    targets = {"namespace", "pod", "container", "node", "instance", "job"}
    assert not targets.intersection(metric.labels)


def test_unknown_readings_are_absent_and_not_zero() -> None:
    shown = by_name(Gpus((Gpu(3, "GPU-3"),), 1, "580", "13.0", "13.580"))
    assert list(shown) == ["nvidia_gpu_info", "nvidia_driver_info", "nvidia_gpu_devices"]


@pytest.mark.parametrize("name", [f.name for f in fields(Gpu) if f.name not in ("index", "uuid")])
def test_each_reading_is_shown(reading: Gpus, name: str) -> None:
    unknown: Any = {} if name in ("throttle", "ecc_errors") else None
    partial = replace(reading.gpus[0], **{name: unknown})
    assert page(replace(reading, gpus=(partial, reading.gpus[1]))) != page(reading)


def test_a_lost_gpu_is_named_and_still_counted(reading: Gpus) -> None:
    shown = by_name(replace(reading, gpus=reading.gpus[:1], lost=(reading.gpus[1].uuid,)))
    assert list(shown["nvidia_gpu_devices"].samples) == [((), 2)]
    assert list(shown["nvidia_gpu_lost"].samples) == [((reading.gpus[1].uuid,), 1.0)]
    assert "nvidia_gpu_lost" not in by_name(reading)


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_gpus_are_marked(reading: Gpus, *, simulated: bool) -> None:
    text = page(replace(reading, simulated=simulated)).decode()
    info = next(f for f in text_string_to_metric_families(text) if f.name == "nvidia_gpu_info")
    assert {sample.labels["simulated"] for sample in info.samples} == {str(simulated).lower()}


def test_the_sum_over_all_label_values_of_a_counter_makes_sense(reading: Gpus) -> None:
    shown = by_name(reading)
    labels = [sample.labels[2:] for sample in shown["nvidia_gpu_ecc_errors_total"].samples]
    assert labels == [("corrected",), ("uncorrected",)] * 2
    lifetime = shown["nvidia_gpu_ecc_lifetime_errors_total"].samples
    assert [sample.value for sample in lifetime] == [0, 0, 1, 0]
