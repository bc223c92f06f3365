"""GPU readings become the series that the catalog promises, and unknown readings become none."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics.encoding import Format, encode
from exporter.metrics.family import Family, Metric
from exporter.metrics.gpu import METRICS, families
from exporter.simulation import (
    PROFILES,
    SimulatedGpus,
    SimulatedLibrary,
    installed,
    simulated_gpus,
)
from exporter.simulation.partition import MIXED
from exporter.snapshot import Gpu, Gpus, Unanswered
from exporter.sources.nvml import NvmlSource
from tests.support.golden import assert_golden
from tests.support.gpus import EVERYTHING
from tests.support.promtool import check_metrics

GOLDEN = Path(__file__).with_name("golden")
START = 1_760_000_000.0
USERS_NAMES = (
    "nvidia_gpu_memory_used_bytes",
    "nvidia_gpu_utilization_pct",
    "nvidia_gpu_temperature_celsius",
)
SHOWN_ELSEWHERE = {"index", "uuid", "processes"}


def page(gpus: Gpus) -> bytes:
    return encode(families(gpus), Format.TEXT).text


def by_name(gpus: Gpus) -> dict[str, Family]:
    return {family.metric.name: family for family in families(gpus) if tuple(family.samples)}


def read(gpus: SimulatedGpus, now: list[float]) -> Gpus:
    """Read GPUs a minute after the driver's start and again ten seconds later."""
    with installed(SimulatedLibrary(gpus)):
        source = NvmlSource(simulated=True)
        for now[0] in (START + 60, START + 70):
            reading = source.collect(now[0])
    timed = (replace(gpu, collection_seconds=0.003) for gpu in reading.gpus)
    return replace(reading, gpus=tuple(timed))


@pytest.fixture(scope="module")
def reading() -> Gpus:
    """Return two cards that give everything; the second is divided, and one more is lost."""
    now = [START]
    gpus = SimulatedGpus(2, EVERYTHING, clock=lambda: now[0])
    gpus.divided[1] = MIXED
    found = read(gpus, now)
    damaged = replace(found.gpus[0], xids={63: 0, 79: 1}, xid_at={79: START + 65})
    lost = Unanswered(2, "GPU-2", "GPU_IS_LOST", START + 30, {79: 2}, {79: START + 31})
    return replace(
        found,
        gpus=(damaged, found.gpus[1]),
        seen=3,
        lost=("GPU-2",),
        unanswered=(lost,),
        expected=4,
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_the_page_of_each_profile_is_the_recorded_one(profile: str) -> None:
    now = [START]
    shown = page(read(simulated_gpus(1, profile, clock=lambda: now[0]), now))
    assert_golden(GOLDEN / f"gpu-{profile}.prom", shown.decode())
    check_metrics(shown)


def test_promtool_finds_nothing_to_say_of_all_metrics(reading: Gpus) -> None:
    check_metrics(page(reading))


def test_the_names_that_users_gave_are_kept(reading: Gpus) -> None:
    gpu = reading.gpus[0]
    shown = by_name(reading)
    assert [next(iter(shown[name].samples)) for name in USERS_NAMES] == [
        (("0", gpu.uuid), gpu.memory_used),
        (("0", gpu.uuid), gpu.utilization),
        (("0", gpu.uuid), gpu.temperature),
    ]


def test_every_metric_of_the_catalog_is_shown_in_its_order(reading: Gpus) -> None:
    assert [family.metric for family in families(reading)] == list(METRICS)
    assert list(by_name(reading)) == [metric.name for metric in METRICS]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_kinds_and_labels_follow_the_conventions(metric: Metric) -> None:
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert metric.help
    assert not metric.help.endswith(".")
    targets = {"namespace", "pod", "container", "node", "instance", "job"}
    assert not targets.intersection(metric.labels)


def test_unknown_readings_are_absent_and_not_zero() -> None:
    shown = by_name(Gpus((Gpu(3, "GPU-3"),), 1, "580", "13.0", "13.580"))
    assert list(shown) == [
        "nvidia_gpu_info",
        "nvidia_driver_info",
        "nvidia_gpu_devices",
        "nvidia_gpu_devices_missing",
        "nvidia_gpu_up",
    ]


@pytest.mark.parametrize("name", [f.name for f in fields(Gpu) if f.name not in SHOWN_ELSEWHERE])
def test_each_reading_is_shown(reading: Gpus, name: str) -> None:
    nothing = getattr(Gpu(0, ""), name)
    partial = tuple(
        replace(gpu, ecc_locations={}) if name == "ecc_errors" else gpu for gpu in reading.gpus
    )
    whole = replace(reading, gpus=partial)
    without = tuple(replace(gpu, **{name: nothing}) for gpu in partial)
    assert page(replace(reading, gpus=without)) != page(whole)


def test_a_silent_gpu_is_told_as_far_as_it_is_known(reading: Gpus) -> None:
    shown = {name: list(family.samples) for name, family in by_name(reading).items()}
    first, second = (gpu.uuid for gpu in reading.gpus)
    assert shown["nvidia_gpu_devices"] == [((), 3)]
    assert shown["nvidia_gpu_devices_expected"] == [((), 4)]
    assert shown["nvidia_gpu_devices_missing"] == [((), 2)]
    assert shown["nvidia_gpu_lost"] == [(("GPU-2",), 1.0)]
    assert shown["nvidia_gpu_up"] == [
        (("0", first), 1.0),
        (("1", second), 1.0),
        (("2", "GPU-2"), 0.0),
    ]
    assert shown["nvidia_gpu_last_success_timestamp_seconds"] == [
        (("0", first), START + 70),
        (("1", second), START + 70),
        (("2", "GPU-2"), START + 30),
    ]
    xid = ("2", "GPU-2", "79")
    assert shown["nvidia_gpu_xid_errors_total"][-1:] == [(xid, 2)]
    assert shown["nvidia_gpu_last_xid_timestamp_seconds"][-1:] == [(xid, START + 31)]


def test_mig_devices_are_told_apart_from_their_gpu(reading: Gpus) -> None:
    shown = by_name(reading)
    gpu = reading.gpus[1]
    memory = list(shown["nvidia_mig_memory_used_bytes"].samples)
    assert [labels for labels, _ in memory] == [
        ("1", gpu.instances[which].uuid) for which in (0, 1, 3)
    ]
    uuids = {sample.labels[1] for sample in shown["nvidia_gpu_memory_used_bytes"].samples}
    assert not uuids & {instance.uuid for instance in gpu.instances}
    facts = [sample.labels for sample in shown["nvidia_mig_info"].samples]
    assert facts[2] == ("1", gpu.instances[2].uuid, gpu.uuid, "5", "1", "1c.2g.20gb")


def test_the_present_state_is_the_only_one_that_holds(reading: Gpus) -> None:
    asked = replace(reading.gpus[0], recovery_action="drain_p2p", compute_mode="prohibited")
    shown = by_name(replace(reading, gpus=(asked,)))
    for name, state in (
        ("nvidia_gpu_recovery_action", "drain_p2p"),
        ("nvidia_gpu_compute_mode", "prohibited"),
    ):
        samples = tuple(shown[name].samples)
        assert len(samples) >= 3
        assert [labels[2] for labels, value in samples if value] == [state]


def test_a_state_that_is_newer_than_we_is_shown_too(reading: Gpus) -> None:
    newer = replace(reading.gpus[0], recovery_action="unknown")
    samples = by_name(replace(reading, gpus=(newer,)))["nvidia_gpu_recovery_action"].samples
    assert [labels[2] for labels, value in samples if value] == ["unknown"]


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_gpus_are_marked(reading: Gpus, *, simulated: bool) -> None:
    text = page(replace(reading, simulated=simulated)).decode()
    info = next(f for f in text_string_to_metric_families(text) if f.name == "nvidia_gpu_info")
    assert {sample.labels["simulated"] for sample in info.samples} == {str(simulated).lower()}


def test_ecc_errors_add_up_over_all_locations(reading: Gpus) -> None:
    gpu = reading.gpus[0]
    located = replace(
        gpu,
        ecc_errors={("corrected", "volatile"): 7, ("uncorrected", "volatile"): 1},
        ecc_locations={
            ("corrected", "volatile", "dram"): 5,
            ("corrected", "volatile", "sram"): 2,
            ("uncorrected", "volatile", "dram"): 1,
        },
    )
    shown = by_name(replace(reading, gpus=(located,)))["nvidia_gpu_ecc_errors_total"]
    assert [(sample.labels[2:], sample.value) for sample in shown.samples] == [
        (("corrected", "dram"), 5),
        (("corrected", "sram"), 2),
        (("uncorrected", "all"), 1),
    ]
