"""How warm GPUs are, what they draw, and how far both are from their limits."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import bargauge
from grafana_foundation_sdk.builders import timeseries as curves

from grafana import gpus, units
from grafana.gpus import GPU_LEGEND, every
from grafana.looks import ORANGE, PLAIN, RED, colored, dashed, lines, steps
from grafana.panels import About, Panel, bars, timeseries
from grafana.targets import curve, value

SLOWS = "slowed down at"


def _temperature() -> curves.Panel:
    about = About(
        201,
        "Temperature",
        "Temperature of the core, and the lowest one at which a chosen GPU is slowed down by its "
        "driver. A GPU near it needs cooling (fans, airflow, coolant, dust) or a lower power "
        "limit, which costs less speed than being slowed down.",
        units.CELSIUS,
        "No GPU: is a tunewatch process up on the node, and scraped?",
    )
    now = every("nvidia_gpu_temperature_celsius")
    panel = timeseries(
        about, curve(now, GPU_LEGEND), curve(f"min({now} + ({gpus.headroom()}))", SLOWS, "B")
    )
    return panel.override_by_name(SLOWS, [colored(ORANGE), dashed()])


def _headroom() -> curves.Panel:
    about = About(
        202,
        "Degrees until slowed down",
        "How much warmer a GPU may get before its driver slows it down; newer GPUs tell this "
        "margin and no temperature. At zero and below it is slowed down: look after cooling, or "
        "lower the power limit, which costs less speed.",
        units.CELSIUS,
        "None of the chosen GPUs tells when it slows down",
    )
    panel = timeseries(about, curve(gpus.headroom(), GPU_LEGEND))
    return panel.thresholds(steps({None: RED, 0: PLAIN})).thresholds_style(lines())


def _memory() -> curves.Panel:
    about = About(
        203,
        "Memory temperature",
        "Temperature of the memory, which often limits sooner than the core: from 95 degrees on "
        "most memory is slowed down. Near that, look after cooling, or lower the power limit.",
        units.CELSIUS,
        "None of the chosen GPUs measures the temperature of its memory",
    )
    return timeseries(about, curve(every("nvidia_gpu_memory_temperature_celsius"), GPU_LEGEND))


def _power() -> curves.Panel:
    about = About(
        204,
        "Power",
        "What each GPU draws. One that trains and draws little does little: its batches are small, "
        "or it waits. Compare with the limit beside.",
        units.WATTS,
        "None of the chosen GPUs tells its power",
    )
    return timeseries(about, curve(every("nvidia_gpu_power_watts"), GPU_LEGEND)).min(0)


def _limit() -> curves.Panel:
    about = About(
        205,
        "Power against its limit",
        "Share of the power limit that a GPU draws. At 100 % the limit holds the clocks down: that "
        "is by design in full training; if the limit was lowered, `nvidia-smi -pl` raises it.",
        units.RATIO,
        "None of the chosen GPUs tells power and limit",
    )
    drawn, limit = every("nvidia_gpu_power_watts"), every("nvidia_gpu_power_limit_watts")
    return timeseries(about, curve(f"{drawn} / {limit}", GPU_LEGEND)).min(0).max(1)


def _energy() -> bargauge.Panel:
    about = About(
        206,
        "Energy in the range",
        "What each GPU has drawn in the range shown. A GPU that draws much and trains nothing is "
        "the first to be looked at: who holds it is told below.",
        units.WATT_HOURS,
        "None of the chosen GPUs counts its energy",
    )
    joules = gpus.grown("nvidia_gpu_energy_joules_total")
    return bars(about, value(f"sort_desc({joules}) / 3600", GPU_LEGEND)).min(0)


PANELS: Sequence[Panel] = (
    *(_temperature(), _headroom()),
    *(_power().span(8), _limit().span(8), _memory().span(8)),
    _energy().span(24).height(6),
)
