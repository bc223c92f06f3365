"""What the processes use, and what their pages cost."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import timeseries as curves

from grafana import units
from grafana.panels import About, Panel, timeseries
from grafana.processes import NODE_LEGEND, OURS, each, growth
from grafana.queries import max_by, on_node, series
from grafana.targets import curve

NO_PROCESS = "No process of tunewatch is scraped: look at the targets of Prometheus"
NO_PROC = "The sandbox of the processes shows no /proc"


def _panel(number: int, title: str, text: str, unit: str, expr: str) -> curves.Panel:
    about = About(number, title, text, unit, NO_PROC)
    return timeseries(about, curve(expr, NODE_LEGEND)).min(0).span(8)


def _memory() -> curves.Panel:
    text = (
        "Resident memory. About 45 MiB for a node with eight GPUs, 140 MiB with a hundred runs. "
        "One that rises for days is a leak: report it, and restart the process."
    )
    expr = each("process_resident_memory_bytes")
    return _panel(501, "Memory of processes", text, units.BYTES, expr)


def _processor() -> curves.Panel:
    text = (
        "Cores in use. A node needs about a hundredth of one, the holder of the run role some "
        "more; a whole core is a mistake: see which source takes long, and report it."
    )
    expr = growth("process_cpu_seconds_total")
    return _panel(502, "Cores in use", text, units.NONE, expr)


def _files() -> curves.Panel:
    text = (
        "Share of the files that a process may have open. Near one it can no longer be scraped "
        "nor send: raise the limit, and report what holds them (ls -l /proc/PID/fd)."
    )
    expr = f"{each('process_open_fds')} / {each('process_max_fds')}"
    return _panel(503, "Open files", text, units.RATIO, expr).max(1)


def _scrapes() -> curves.Panel:
    about = About(
        504,
        "Time of a scrape",
        "How long Prometheus takes to scrape each process. Pages are made when readings change, so "
        "a scrape takes milliseconds; if it takes long, the network or a busy node is the cause.",
        units.SECONDS,
        NO_PROCESS,
    )
    expr = max_by(("node",), on_node(series("scrape_duration_seconds", *OURS)))
    return timeseries(about, curve(expr, NODE_LEGEND)).min(0).span(8)


def _samples() -> curves.Panel:
    about = About(
        505,
        "Samples of a scrape",
        "How many series each process has. Most come from GPUs (some 150 each) and runs; a jump "
        "is a run that logs very many metrics: choose among them with mlflow.metrics.",
        units.NONE,
        NO_PROCESS,
    )
    expr = max_by(("node",), on_node(series("scrape_samples_scraped", *OURS)))
    return timeseries(about, curve(expr, NODE_LEGEND)).min(0).span(8)


def _series() -> curves.Panel:
    about = About(
        506,
        "Series by source",
        "Series that each part of the page adds. It tells where a growth comes from: choose fewer "
        "runs, metrics or params in the configuration of that source.",
        units.NONE,
        NO_PROCESS,
    )
    expr = each("tunewatch_series", by=("node", "fragment"))
    return timeseries(about, curve(expr, "{{node}} {{fragment}}")).min(0).span(8)


PANELS: Sequence[Panel] = (
    *(_memory(), _processor(), _files()),
    *(_scrapes(), _samples(), _series()),
)
