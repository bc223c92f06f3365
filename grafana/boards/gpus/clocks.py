"""How fast GPUs run, and what holds them back."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import statetimeline
from grafana_foundation_sdk.builders import timeseries as curves

from grafana import conditions, gpus, units
from grafana.gpus import GPU_LEGEND, every
from grafana.looks import mappings
from grafana.panels import About, Panel, states, timeseries
from grafana.queries import GPU
from grafana.targets import curve

NO_CLOCKS = "None of the chosen GPUs tells its clocks"


def _reasons() -> statetimeline.Panel:
    about = About(
        301,
        "What sets the clocks",
        "The gravest reason that sets the clocks of each GPU. Red is the hardware protecting "
        "itself: look after cooling where it is heat, after power supply and cabling where it is "
        "the power brake. A power cap is by design in full training.",
        units.NONE,
        "None of the chosen GPUs tells what sets its clocks",
    )
    panel = states(about, curve(conditions.clocks(), GPU_LEGEND))
    return panel.mappings(mappings(conditions.CLOCKS_WORDS)).height(8)


def _held_down() -> curves.Panel:
    about = About(
        302,
        "Time held down, by reason",
        "Share of the time in which a reason held the clocks down, from the driver's own counters, "
        "so that nothing between two scrapes is missed. For heat look after cooling; for the power "
        "cap nothing is wrong, but a higher limit would be faster.",
        units.RATIO,
        "Nothing holds the clocks down",
    )
    share = gpus.growth("nvidia_gpu_throttle_seconds_total", by=(*GPU, "reason"))
    panel = timeseries(about, curve(f"{share} > 0", f"{GPU_LEGEND} {{{{reason}}}}"))
    return panel.min(0).max(1)


def _clock() -> curves.Panel:
    about = About(
        303,
        "Clock of the multiprocessors",
        "How fast the multiprocessors run now. One GPU that is slower than its neighbours slows "
        "down every run that uses several: see above what sets its clocks.",
        units.HERTZ,
        NO_CLOCKS,
    )
    expr = every("nvidia_gpu_clock_hertz", 'type="sm"')
    return timeseries(about, curve(expr, GPU_LEGEND)).min(0)


PANELS: Sequence[Panel] = (_reasons(), _held_down(), _clock())
