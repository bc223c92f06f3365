"""The figures of all chosen GPUs together."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import stat as stats

from alerts import signals
from grafana import gpus, units
from grafana.boards.gpus.fleet import NO_GPU
from grafana.gpus import CHOSEN, NODES, every
from grafana.looks import GREEN, RED, steps
from grafana.panels import About, Panel, stat
from grafana.queries import LOOK_BACK, max_by, on_node, series
from grafana.targets import value


def _answering() -> stats.Panel:
    about = About(
        1,
        "GPUs",
        "GPUs that answer. Fewer than there should be: see which nodes are missing in the table, "
        "and look whether tunewatch runs there.",
        units.NONE,
        NO_GPU,
    )
    return stat(about, value(f"count({every('nvidia_gpu_up')} == 1)"))


def _missing() -> stats.Panel:
    about = About(
        2,
        "Missing",
        "GPUs on the PCI bus of the chosen nodes that do not answer or that the driver does not "
        "list. Restart their jobs elsewhere, then look at `dmesg` for Xid errors and reboot.",
        units.NONE,
        NO_GPU,
    )
    missing = max_by(("node",), on_node(series(signals.GPUS_MISSING, NODES)))
    return stat(about, value(f"sum({missing})")).thresholds(steps({None: GREEN, 1: RED}))


def _firing() -> stats.Panel:
    about = About(
        3,
        "Alerts",
        "Alerts about the chosen GPUs that fire now. The table below says on which GPU, and the "
        "runbook what to do.",
        units.NONE,
        "No process judges GPUs",
    )
    firing = series("tunewatch_alert_state", 'state="firing"', 'uuid!=""', CHOSEN)
    count = f"count({max_by(('rule', 'uuid'), firing)})"
    expr = f"{count}\nor on () max({series(signals.LEADER)}) * 0"
    return stat(about, value(expr)).thresholds(steps({None: GREEN, 1: RED}))


def _busy() -> stats.Panel:
    about = About(
        4,
        "Busy in the range",
        "Share of the time in which kernels ran, over all chosen GPUs and the whole range. Low "
        "while runs train: look at data loading; low without runs: GPUs that could be given away.",
        units.RATIO,
        "No utilisation (divided GPUs tell none)",
    )
    expr = f"clamp_max(avg(avg_over_time(({gpus.busy_rate()}){LOOK_BACK})), 1)"
    return stat(about, value(expr)).decimals(0)


def _memory() -> stats.Panel:
    about = About(
        5,
        "Memory used now",
        "Share of all memory of the chosen GPUs that processes hold now. Frameworks keep memory "
        "that they have freed, so a high level is no harm; the panel below names full GPUs.",
        units.RATIO,
        NO_GPU,
    )
    used, total = every(signals.GPU_MEMORY_USED), every(signals.GPU_MEMORY_TOTAL)
    return stat(about, value(f"sum({used}) / sum({total})")).decimals(0)


def _power() -> stats.Panel:
    about = About(
        6,
        "Power now",
        "What the chosen GPUs draw together. Compare it with what rack and cooling can bear; "
        "`nvidia-smi --power-limit` lowers it.",
        units.WATTS,
        "No GPU tells its power",
    )
    return stat(about, value(f"sum({every('nvidia_gpu_power_watts')})"))


def _energy() -> stats.Panel:
    about = About(
        7,
        "Energy",
        "What the chosen GPUs have drawn in the range. To find out who drew it, choose a GPU, or "
        "look at the energy by GPU below.",
        units.WATT_HOURS,
        "No GPU counts its energy",
    )
    joules = gpus.grown("nvidia_gpu_energy_joules_total")
    return stat(about, value(f"sum({joules}) / 3600")).decimals(1)


def _idle() -> stats.Panel:
    about = About(
        8,
        "Idle GPU hours",
        "GPU time of the range in which no kernel ran, in hours of one GPU. It is what could have "
        "been trained: look in the table who holds GPUs that do little.",
        units.NONE,
        "No utilisation (divided GPUs tell none)",
    )
    expr = f"sum_over_time((sum(1 - ({gpus.busy_rate()}))){LOOK_BACK}) / 60"
    return stat(about, value(expr)).decimals(1)


STATS: Sequence[Panel] = [
    panel.span(3)
    for panel in (
        *(_answering(), _missing(), _firing(), _busy()),
        *(_memory(), _power(), _energy(), _idle()),
    )
]
