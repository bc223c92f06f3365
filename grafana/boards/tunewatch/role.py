"""Who holds the run role, and which other nodes it hears."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import stat as stats
from grafana_foundation_sdk.builders import statetimeline

from alerts import signals
from grafana import processes, units
from grafana.looks import GREEN, ORANGE, mappings, steps
from grafana.panels import About, Panel, stat, states
from grafana.processes import NODE_LEGEND, OURS, each
from grafana.queries import LOOK_BACK, max_by, series
from grafana.targets import curve, value
from grafana.words import UP

ALONE = "No other node is asked (nodes.address, or the Lease of a cluster)"


def _role() -> statetimeline.Panel:
    about = About(
        201,
        "Run role over time",
        "Which process mirrors runs and sends alerts. At each moment it should be exactly one; a "
        "change takes up to half a minute, in which alerts wait. Many changes: look whether "
        "processes are evicted, run out of memory, or lose the API server.",
        units.NONE,
        "No process is a candidate for the run role",
    )
    panel = states(about, curve(each(signals.LEADER), NODE_LEGEND)).span(12)
    return panel.mappings(mappings(processes.ROLE))


def _peers() -> statetimeline.Panel:
    about = About(
        202,
        "Other nodes",
        "Whether the processes of other nodes answer the holder of the run role. Down: nobody "
        "judges the GPUs there; look whether the node is up, and the tunewatch pod on it.",
        units.NONE,
        ALONE,
    )
    up = max_by(("peer",), series(signals.PEER_UP, OURS[0]))
    return states(about, curve(up, "{{peer}}")).span(12).mappings(mappings(UP))


def _holders() -> stats.Panel:
    about = About(
        203,
        "Holders in the range",
        "How many processes have held the run role in the range. One is usual, and one more for "
        "each rollout or drained node; many more is a role that nobody can keep: see the logs.",
        units.NONE,
        "Nobody has held the run role",
    )
    held = f"max_over_time(({each(signals.LEADER)}){LOOK_BACK}) == 1"
    panel = stat(about, value(f"count({held})")).span(12).height(3)
    return panel.thresholds(steps({None: GREEN, 4: ORANGE}))


def _asked() -> stats.Panel:
    about = About(
        204,
        "Addresses asked",
        "Addresses of node processes that the holder asks at each collection. Fewer than nodes "
        "with GPUs: look at the endpoints of the headless Service.",
        units.NONE,
        ALONE,
    )
    return stat(about, value(f"max({series('tunewatch_peers', OURS[0])})")).span(12).height(3)


PANELS: Sequence[Panel] = (_role(), _peers(), _holders(), _asked())
