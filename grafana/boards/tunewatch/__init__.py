"""tunewatch itself: does it read, judge and tell, and is it the same everywhere."""

from __future__ import annotations

from grafana.board import Board, Row
from grafana.boards.tunewatch import delivery, processes, resources, role, sources, survived
from grafana.processes import VARIABLES

BOARD = Board(
    file="tunewatch.json",
    uid="tunewatch-self",
    title="tunewatch / Itself",
    description="Whether tunewatch reads its sources, who holds the run role, whether messages"
    " arrive, and whether configuration and rules are the same everywhere.",
    since="now-6h",
    variables=VARIABLES,
    panels=[*processes.STATS, processes.TABLE],
    rows=[
        Row(100, "Sources", sources.PANELS),
        Row(200, "Run role and other nodes", role.PANELS),
        Row(300, "Messages and state", delivery.PANELS),
        Row(400, "Survived and left out", survived.PANELS),
        Row(500, "Memory, processor and scrapes", resources.PANELS),
    ],
)
