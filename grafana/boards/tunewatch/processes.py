"""The processes at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grafana_foundation_sdk.builders import stat as stats
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.models.common import BigValueTextMode

from alerts import signals
from grafana import processes, units
from grafana.looks import GREEN, ORANGE, RED, colored_cell, mapped, mappings, steps, width
from grafana.panels import About, Panel, stat
from grafana.processes import NODE_LEGEND, OURS, each
from grafana.queries import labelled, max_by, on_node, series
from grafana.tables import Column, merged
from grafana.targets import value
from grafana.words import UP

NO_PROCESS = "No process of tunewatch is scraped: look at the targets of Prometheus"


def _up() -> stats.Panel:
    about = About(
        1,
        "Processes",
        "Processes that Prometheus can scrape. Fewer than nodes: see which is missing below, and "
        "look at its log (systemctl status tunewatch, kubectl logs).",
        units.NONE,
        NO_PROCESS,
    )
    return stat(about, value(f"sum({series('up', *OURS)})"))


def _down() -> stats.Panel:
    about = About(
        2,
        "Not reached",
        "Processes that Prometheus knows but cannot scrape. Nobody watches the GPUs there: look "
        "whether the process runs, and whether a network policy keeps Prometheus out.",
        units.NONE,
        NO_PROCESS,
    )
    down = f"sum(1 - {series('up', *OURS)})"
    return stat(about, value(down)).thresholds(steps({None: GREEN, 1: RED}))


def _holder() -> stats.Panel:
    about = About(
        3,
        "Holder of the run role",
        "The one process that mirrors runs, keeps alerts and sends them. None: runs are not "
        "watched; look in the logs why nobody takes the Lease. Two: both send; look whether they "
        "share one Lease.",
        units.NONE,
        "Nobody holds the run role",
    )
    panel = stat(about, value(f"{each(signals.LEADER)} == 1", NODE_LEGEND))
    return panel.text_mode(BigValueTextMode.NAME).thresholds(steps({None: GREEN})).span(6)


def _sources() -> stats.Panel:
    about = About(
        4,
        "Sources down",
        "Sources that should be read and cannot. Nothing that they tell can be judged: the row "
        "below says which, and the log of the process why.",
        units.NONE,
        NO_PROCESS,
    )
    by = ("node", "source")
    missed = f"{each(signals.SOURCE_EXPECTED, by=by)} unless {each(signals.SOURCE_UP, by=by)} == 1"
    expr = f"count(({missed}) == 1) or vector(0)"
    return stat(about, value(expr)).thresholds(steps({None: GREEN, 1: RED}))


def _configurations() -> stats.Panel:
    about = About(
        5,
        "Configurations",
        "How many different configurations are in force. More than one for longer than a rollout: "
        "some process has not read the new file; see 'Reloaded' in the table and its log.",
        units.NONE,
        NO_PROCESS,
    )
    count = processes.different("tunewatch_config_info")
    return stat(about, value(count)).thresholds(steps({None: GREEN, 2: ORANGE}))


def _rules() -> stats.Panel:
    about = About(
        6,
        "Rules in Prometheus",
        "Whether Prometheus has the rules that tunewatch would make of its configuration. Out of "
        "sync: run `tunewatch rules` and load its output. Not loaded: Prometheus does not watch "
        "tunewatch, so nobody is told when it is down.",
        units.NONE,
        NO_PROCESS,
    )
    return stat(about, value(processes.rules())).mappings(mappings(processes.RULES))


STATS: Sequence[Panel] = (
    *(_up().span(3), _down().span(3), _holder().span(6)),
    *(_sources().span(4), _configurations().span(4), _rules().span(4)),
)


def _table() -> tables.Panel:
    about = About(
        10,
        "All processes",
        "One row for each process. A reload that failed keeps the old configuration: `tunewatch "
        "check` says what is wrong with the file. Different versions for long: a rollout that "
        "stands still.",
        units.NONE,
        NO_PROCESS,
    )
    return merged(about, {"node": "Node"}, list(_columns()))


def _columns() -> Iterator[Column]:
    facts = {"version": "Version", "revision": "Revision", "python": "Python"}
    yield Column(each("tunewatch_build_info", by=("node", *facts)), labels=facts)
    role = (mapped(processes.ROLE), colored_cell(), width(150))
    yield Column(each(signals.LEADER), "Run role", looks=role)
    for name, title in (
        ("tunewatch_config_info", "Configuration"),
        (signals.RULES_INFO, "Rules"),
    ):
        own = labelled(on_node(series(name, *OURS)), title.lower(), "$1", "hash", "(.*)")
        yield Column(max_by(("node", title.lower()), own), labels={title.lower(): title})
    read = "tunewatch_config_last_reload"
    yield Column(each(f"{read}_successful"), "Reload", looks=(mapped(RELOAD), colored_cell()))
    for name, title in (
        (f"{read}_success_timestamp_seconds", "Reloaded"),
        ("process_start_time_seconds", "Started"),
    ):
        yield Column(f"{each(name)} * 1000", title, units.DATE, looks=(width(160),))
    yield Column(each("process_resident_memory_bytes"), "Memory", units.BYTES)
    reached = (mapped(UP), colored_cell(), width(80))
    yield Column(max_by(("node",), on_node(series("up", *OURS))), "Scrape", looks=reached)


RELOAD = {"1": ("accepted", GREEN), "0": ("refused", RED)}
TABLE: Panel = _table()
