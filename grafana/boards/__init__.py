"""All dashboards, in the order in which people ask for them."""

from __future__ import annotations

from collections.abc import Sequence

from grafana.board import Board
from grafana.boards import compare_runs, gpus, run, training_runs, tunewatch

BOARDS: Sequence[Board] = (
    training_runs.BOARD,
    run.BOARD,
    compare_runs.BOARD,
    gpus.BOARD,
    tunewatch.BOARD,
)
