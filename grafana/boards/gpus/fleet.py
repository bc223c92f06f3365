"""All GPUs in a table, of which a click leads to one of them, and what alerts say of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.builders import table as tables

from alerts.thresholds import USER_THRESHOLDS
from grafana import conditions, gpus, units, users
from grafana.gpus import every
from grafana.looks import (
    BLUE,
    GREEN,
    ORANGE,
    PLAIN,
    RED,
    bar,
    colored_cell,
    decimals,
    invisible,
    levels,
    link,
    mapped,
    width,
    within,
)
from grafana.panels import About, Panel
from grafana.parts.alert_list import machine_alerts
from grafana.queries import GPU, max_by
from grafana.tables import Column, merged

NO_GPU = "No GPU: is a tunewatch process up on the node, and scraped?"
TO_GPU = (
    "/d/tunewatch-gpus?var-uuid=${__data.fields.uuid}&${node:queryparam}"
    "&${datasource:queryparam}&${__url_time_range}"
)
TO_RUN = (
    "/d/tunewatch-run?var-run_id=${__data.fields.run_id}&${datasource:queryparam}"
    "&${__url_time_range}"
)


def _table() -> tables.Panel:
    about = About(
        10,
        "All GPUs",
        "One row for each chosen GPU as it is now; click one to see it alone. A GPU that is not "
        "healthy wants somebody: drain it, and do what its alert says. A column that no driver "
        "of the fleet knows is missing, and an empty cell is what this driver does not tell. The "
        "run is the one that was seen last.",
        units.NONE,
        NO_GPU,
    )
    panel = merged(about, KEYS, [*_state(), *_load(), *_heat(), *_users()])
    worst_first = common.TableSortByFieldState().display_name("Health").desc(desc=True)
    panel.sort_by([worst_first]).height(11)
    panel.override_by_name("GPU", [link("This GPU alone", TO_GPU), width(60)])
    panel.override_by_name("run_id", list(invisible()))
    return panel.override_by_name("Run", [link("The run", TO_RUN), width(200)])


def _alerts() -> tables.Panel:
    about = About(
        11,
        "Alerts about GPUs",
        "What fires now, or waits to, and what to do about it, also about nodes that lack GPUs. "
        "Nothing is listed while all is well; the runbook says what every rule means.",
        units.NONE,
        "No alert about a GPU",
    )
    to_gpu = TO_GPU.replace("fields.uuid", "fields.GPU")
    columns = {"workload_node": "Node", "uuid": "GPU"}
    panel = machine_alerts(about, columns, 'source=""', 'uuid=~"$uuid|$parent|"').height(6)
    return panel.override_by_name("GPU", [link("This GPU alone", to_gpu), width(330)])


KEYS = {"node": "Node", "gpu": "GPU", "uuid": ""}
NARROW = width(95)
NEAR = 5
"""Degrees before slowing down from which on it should be told."""


def _state() -> Iterator[Column]:
    yield Column(
        max_by((*GPU, "name"), gpus.named()), labels={"name": "Model"}, label_looks=(width(180),)
    )
    health = (mapped(conditions.HEALTH), colored_cell(), width(165))
    yield Column(conditions.health(), "Health", looks=health)
    red = (levels({None: PLAIN, 1: RED}), colored_cell(), width(70))
    yield Column(users.alerts(), "Alerts", looks=red)


def _load() -> Iterator[Column]:
    share = (bar(), *within(0, 1), decimals(0), width(140))
    yield Column(gpus.busy(), "Busy", units.RATIO, looks=(*share, levels({None: GREEN})))
    yield Column(
        every("nvidia_gpu_tensor_active_ratio"),
        "Tensor cores",
        units.RATIO,
        looks=(*share, levels({None: GREEN})),
    )
    limit = (USER_THRESHOLDS.max_gpu_memory_pct or 100) / 100
    full = levels({None: BLUE, limit: ORANGE})
    yield Column(gpus.whole_memory(), "Memory", units.RATIO, looks=(*share, full))


def _heat() -> Iterator[Column]:
    yield Column(
        every("nvidia_gpu_temperature_celsius"), "Temperature", units.CELSIUS, looks=(NARROW,)
    )
    near = levels({None: RED, 0: ORANGE, NEAR: PLAIN})
    yield Column(gpus.headroom(), "Headroom", units.CELSIUS, looks=(near, colored_cell(), NARROW))
    yield Column(
        every("nvidia_gpu_power_watts"), "Power", units.WATTS, looks=(decimals(0), width(80))
    )
    held = (mapped(conditions.CLOCKS_WORDS), colored_cell(), width(170))
    yield Column(conditions.clocks(), "Clocks", looks=held)


def _users() -> Iterator[Column]:
    yield Column(users.first_pod(), labels={"workload_pod": "Pod"}, label_looks=(width(150),))
    yield Column(users.last_run(), labels={"run": "Run", "run_id": "run_id"})


TABLES: Sequence[Panel] = (_table(), _alerts())
