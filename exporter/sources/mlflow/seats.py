"""Which runs the page has room for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from exporter.sources.mlflow.tracking import TrackedRun

QUIET_AFTER = 3_600.0
"""Seconds of silence after which a run gives its seat to one that logs."""

_log = logging.getLogger("tunewatch.mlflow")


class Seats:
    """Seats `most` runs, best those that train now.

    A run that logs keeps its seat, so that curves on dashboards do not come and go; free seats are
    for those that were active last.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._seated: frozenset[str] = frozenset()
        self._told = False

    def take(
        self, runs: Collection[TrackedRun], now: float, active: Callable[[TrackedRun], int]
    ) -> frozenset[str]:
        """Return the ids of the runs that have a seat now.

        `active` tells when (ms) a run last showed life.
        """
        if len(runs) <= self._most:
            self._seated = frozenset(run.run_id for run in runs)
            self._told = False
            return self._seated
        ranked = sorted(runs, key=lambda run: self._rank(run, now, active(run)))
        self._seated = frozenset(run.run_id for run in ranked[: self._most])
        self._tell(len(ranked))
        return self._seated

    def _rank(self, run: TrackedRun, now: float, active: int) -> tuple[bool, bool, int, str]:
        quiet = not run.running or now - active / 1000 > QUIET_AFTER
        return quiet, run.run_id not in self._seated, -active, run.run_id

    def _tell(self, active: int) -> None:
        if not self._told:
            self._told = True
            _log.warning(
                "only %d of %d active runs are mirrored: raise mlflow.max_runs, or choose among"
                " them with mlflow.experiments, runs or tags",
                self._most,
                active,
            )
