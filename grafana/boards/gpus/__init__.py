"""GPUs: which are there, what they do, for whom, and what is wrong with them."""

from __future__ import annotations

from grafana.annotations import moment
from grafana.board import Board, Row
from grafana.boards.gpus import (
    clocks,
    damage,
    figures,
    fleet,
    heat,
    holders,
    links,
    load,
    parts,
    settings,
)
from grafana.boards.gpus.chosen import VARIABLES
from grafana.gpus import CHOSEN, NODES
from grafana.looks import ORANGE, RED
from grafana.queries import GPU, max_by, on_node, series

_FIRED = series("tunewatch_alert_fired_timestamp_seconds", 'uuid!=""', CHOSEN)
_XIDS = series("nvidia_gpu_last_xid_timestamp_seconds", NODES, CHOSEN)

BOARD = Board(
    file="gpus.json",
    uid="tunewatch-gpus",
    title="tunewatch / GPUs",
    description="Every GPU and MIG instance: load, heat, power, errors, and the pods and runs that"
    " use it. Choose a node or a GPU above, or click one in the table.",
    since="now-1h",
    variables=VARIABLES,
    annotations=[
        moment("Alerts", max_by(("rule", "uuid"), _FIRED), "{{rule}} {{uuid}}", ORANGE),
        moment("Xid errors", max_by((*GPU, "xid"), on_node(_XIDS)), "Xid {{xid}}", RED),
    ],
    panels=[*figures.STATS, *fleet.TABLES],
    rows=[
        Row(100, "Load", load.PANELS),
        Row(200, "Heat and power", heat.PANELS),
        Row(300, "Clocks", clocks.PANELS),
        Row(400, "Pods and runs", holders.PANELS),
        Row(500, "Xid errors", damage.XIDS),
        Row(550, "Processes of pods", holders.SHARES, collapsed=True),
        Row(600, "Memory errors: ECC, rows and pages", damage.MEMORY, collapsed=True),
        Row(700, "MIG instances", parts.PANELS, collapsed=True),
        Row(800, "PCIe", links.PCIE, collapsed=True),
        Row(900, "NVLink", links.NVLINK, collapsed=True),
        Row(1000, "Boards and settings", settings.PANELS, collapsed=True),
    ],
)
