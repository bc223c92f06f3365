"""Whether messages arrive, and how large the state is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.builders import timeseries as curves

from alerts.keeper import STATE_LIMIT
from alerts.notify.channel import Result
from alerts.notify.heartbeat import WITHHELD
from alerts.outbox.desk import DEAD_LETTER, OUTCOMES
from grafana import processes, units
from grafana.looks import (
    BLUE,
    ORANGE,
    PLAIN,
    RED,
    colored_cell,
    decimals,
    fixed,
    levels,
    lines,
    steps,
)
from grafana.panels import About, Panel, timeseries
from grafana.processes import OURS
from grafana.queries import labelled, max_by, series
from grafana.tables import Column, merged
from grafana.targets import curve

NO_CHANNEL = "No channel is configured (notify.channels), or nobody holds the run role"
CONFIG_MAP_LIMIT = 1024 * 1024
"""Bytes from which on Kubernetes refuses a ConfigMap."""
LOST = frozenset({Result.REJECTED.value, DEAD_LETTER})
"""Outcomes after which somebody was not told."""


def _outcomes() -> tables.Panel:
    about = About(
        301,
        "Messages of the range",
        "How attempts to deliver ended, by channel. Rejected: the webhook or password is no longer "
        "valid, change it. Dead letters were given up; failed and rate limited ones are tried "
        "again. Heartbeats are withheld while the process is not healthy.",
        units.NONE,
        NO_CHANNEL,
    )
    return merged(about, {"channel": "Channel"}, list(_columns())).height(7)


def _columns() -> Iterator[Column]:
    waiting = (levels({None: PLAIN, 1: ORANGE}), colored_cell(), decimals(0))
    pending = max_by(("channel",), series("tunewatch_notifications_pending", OURS[0]))
    yield Column(pending, "Waiting", looks=waiting)
    for outcome in (*OUTCOMES, WITHHELD):
        color = RED if outcome in LOST else PLAIN
        looks = (levels({None: PLAIN, 1: color}), colored_cell(), decimals(0))
        yield Column(_counted(outcome), outcome.replace("_", " ").capitalize(), looks=looks)


def _counted(outcome: str) -> str:
    matcher = f'outcome="{outcome}"'
    sent = processes.grown("tunewatch_notifications_total", matcher, by=("channel",))
    beats = processes.grown("tunewatch_heartbeats_total", matcher, by=("outcome",))
    named = max_by(("channel",), labelled(beats, "channel", "heartbeat"))
    return f"round({sent} or {named})"


def _pending() -> curves.Panel:
    about = About(
        302,
        "Messages that wait",
        "Messages not yet delivered. They should be gone within a minute: a number that stays or "
        "grows is a channel that does not answer; see the table for how its attempts end.",
        units.NONE,
        NO_CHANNEL,
    )
    expr = max_by(("channel",), series("tunewatch_notifications_pending", OURS[0]))
    return timeseries(about, curve(expr, "{{channel}}")).min(0).decimals(0)


def _state() -> curves.Panel:
    about = About(
        303,
        "Size of the stored state",
        "Alert state with all messages that wait. From the lower line on old messages are folded "
        "into one; at the upper line Kubernetes refuses the ConfigMap. Mend the channel that does "
        "not take its messages, or mirror fewer runs (mlflow.max_runs).",
        units.BYTES,
        "Nobody holds the run role",
    )
    panel = timeseries(about, curve(f"max({series('tunewatch_state_bytes', OURS[0])})", "state"))
    limits = steps({None: PLAIN, STATE_LIMIT: ORANGE, CONFIG_MAP_LIMIT: RED})
    panel.min(0).color_scheme(fixed(BLUE))
    return panel.thresholds(limits).thresholds_style(lines())


PANELS: Sequence[Panel] = (_outcomes(), _pending(), _state())
