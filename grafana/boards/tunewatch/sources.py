"""How the sources fare."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import statetimeline
from grafana_foundation_sdk.builders import timeseries as curves

from grafana import processes, units
from grafana.looks import mappings
from grafana.panels import About, Panel, states, timeseries
from grafana.processes import each, growth
from grafana.targets import curve

BY = ("node", "source")
LEGEND = "{{node}} {{source}}"
NO_SOURCE = "No source has been read yet"


def _states() -> statetimeline.Panel:
    about = About(
        101,
        "Sources over time",
        "How each source of each process fares. Down is one that should be there: the log says "
        "why. One that does not return hangs in a driver or a network: after a minute of that "
        "restart the process; 'not there' is nothing to worry about.",
        units.NONE,
        NO_SOURCE,
    )
    panel = states(about, curve(processes.source(), LEGEND)).height(8)
    return panel.mappings(mappings(processes.SOURCE))


def _durations() -> curves.Panel:
    about = About(
        102,
        "Time to read a source",
        "How long the last collection took. Beyond the interval of the source its data grow old: "
        "a slow MLflow has too many runs or too little CPU, a slow driver is often a sick GPU.",
        units.SECONDS,
        NO_SOURCE,
    )
    expr = each("tunewatch_source_duration_seconds", by=BY)
    return timeseries(about, curve(expr, LEGEND)).min(0)


def _ages() -> curves.Panel:
    about = About(
        103,
        "Age of what is known",
        "Time since the last successful collection of a source. It should go up and down within "
        "its interval: a line that rises is a source that is down, and alerts that stand still.",
        units.SECONDS,
        NO_SOURCE,
    )
    expr = f"time() - {each('tunewatch_source_last_success_timestamp_seconds', by=BY)}"
    return timeseries(about, curve(expr, LEGEND)).min(0)


def _failures() -> curves.Panel:
    about = About(
        104,
        "Failed collections an hour",
        "How often a source could not be read. A few in a row are a restart of the other side; "
        "many are told as source_down: see the reason in the message or the log.",
        units.NONE,
        "No collection has failed",
    )
    expr = f"{growth('tunewatch_source_failures_total', by=BY)} * 3600 > 0"
    return timeseries(about, curve(expr, LEGEND)).min(0)


PANELS: Sequence[Panel] = (
    _states(),
    *(panel.span(8) for panel in (_durations(), _ages(), _failures())),
)
