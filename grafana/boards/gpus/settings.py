"""What GPUs are and how they are set up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.builders import timeseries as curves

from alerts import signals
from grafana import gpus, units
from grafana.boards.gpus.fleet import TO_GPU
from grafana.gpus import GPU_LEGEND, every
from grafana.looks import GREY, PLAIN, Mapped, link, mapped, width
from grafana.panels import About, Panel, timeseries
from grafana.queries import GPU
from grafana.tables import Column, merged
from grafana.targets import curve

PLACE = {"node": "Node", "gpu": "GPU", "uuid": "UUID"}
FACTS = {
    "serial": "Serial",
    "vbios": "VBIOS",
    "pci_bus_id": "PCI bus id",
    "minor": "/dev/nvidia",
    "compute_capability": "Compute capability",
    "simulated": "Simulated",
}
ON_OFF: Mapped = {"1": ("on", PLAIN), "0": ("off", GREY)}


def _table() -> tables.Panel:
    about = About(
        1001,
        "Boards",
        "What each GPU is, its driver, and how it is set up. Differences between nodes explain "
        "differences between runs; persistence should be on, or the driver unloads when idle.",
        units.NONE,
        "No GPU: is a tunewatch process up on the node, and scraped?",
    )
    to_gpu = TO_GPU.replace("fields.uuid", "fields.UUID")
    panel = merged(about, PLACE, list(_columns()))
    return panel.override_by_name("GPU", [link("This GPU alone", to_gpu), width(60)])


def _columns() -> Iterator[Column]:
    facts = every(signals.GPU_INFO, by=(*GPU, *FACTS))
    yield Column(facts, labels=FACTS)
    versions = {"driver_version": "Driver", "cuda_version": "CUDA"}
    yield Column(gpus.driver(*versions), labels=versions)
    mode = f"{every('nvidia_gpu_compute_mode', by=(*GPU, 'mode'))} == 1"
    yield Column(mode, labels={"mode": "Compute mode"})
    for name, title in (
        ("nvidia_gpu_persistence_mode", "Persistence"),
        ("nvidia_gpu_ecc_mode", "ECC"),
        (signals.GPU_MIG_MODE, "MIG"),
    ):
        yield Column(every(name), title, looks=(mapped(ON_OFF), width(90)))
    yield Column(every("nvidia_gpu_power_limit_watts"), "Power limit", units.WATTS)
    for name, title in (("total", "Memory"), ("reserved", "Reserved")):
        yield Column(every(f"nvidia_gpu_memory_{name}_bytes"), title, units.BYTES)


def _states() -> curves.Panel:
    about = About(
        1002,
        "Performance state",
        "From 0, the fastest, to 15. A GPU that trains in a higher state than its neighbours runs "
        "slower: see what sets its clocks, and whether somebody set them (`nvidia-smi -q -d "
        "CLOCK`).",
        units.NONE,
        "None of the chosen GPUs tells its state",
    )
    panel = timeseries(about, curve(every("nvidia_gpu_performance_state"), GPU_LEGEND))
    return panel.min(0).decimals(0)


def _fans() -> curves.Panel:
    about = About(
        1003,
        "Fans",
        "Speed that the driver asks of each fan. At 100 % cooling is at its end: clear dust and "
        "airflow, or lower the power limit.",
        units.RATIO,
        "None of the chosen GPUs has fans of its own",
    )
    expr = every("nvidia_gpu_fan_speed_ratio", by=(*GPU, "fan"))
    return timeseries(about, curve(expr, f"{GPU_LEGEND} fan {{{{fan}}}}")).min(0).max(1)


def _reading() -> curves.Panel:
    about = About(
        1004,
        "Time to read a GPU",
        "How long the driver took to answer for each GPU. More than a second announces trouble "
        "with the GPU or its driver: look at `dmesg`, and drain it.",
        units.SECONDS,
        "No GPU: is a tunewatch process up on the node, and scraped?",
    )
    expr = every("nvidia_gpu_collection_duration_seconds")
    return timeseries(about, curve(expr, GPU_LEGEND)).min(0)


PANELS: Sequence[Panel] = (
    _table(),
    *(panel.span(8) for panel in (_states(), _fans(), _reading())),
)
