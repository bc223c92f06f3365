"""Which runs exist now: alive, lately ended, stale or gone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from exporter.sources.mlflow.settings import MlflowSettings
from exporter.sources.mlflow.tracking import RunIndex, TrackedRun

FEW_STALE = 50
"""Up to so many stale runs it costs less to list them in each poll than to ask twice."""


class Census(NamedTuple):
    """The runs of one poll; `shown` are those of `runs` that belong on the page.

    `gone` are runs that were alive or owed at the last poll and are deleted now; `experiments` maps
    ids to names.
    """

    runs: Mapping[str, TrackedRun]
    shown: Collection[str]
    gone: Collection[str]
    stale: int
    experiments: Mapping[str, str]


class Roster:
    """Finds active runs in two or three requests, whatever the number of finished ones."""

    def __init__(self, settings: MlflowSettings) -> None:
        self._settings = settings
        self._experiments: Mapping[str, str] = {}
        self._experiments_at = 0.0
        self._homes: dict[str, str] = {}
        self._alive: set[str] = set()
        self._stale: set[str] = set()
        self._ended: dict[str, float] = {}
        self._polled_at: float | None = None
        self._full_at = 0.0

    def take(
        self, index: RunIndex, now: float, owed: Collection[str], newest: Callable[[str], int]
    ) -> Census:
        """List the runs; `owed` are looked up even if no list has them any more.

        `newest` tells when (ms) a run was last seen to log something. Nothing is remembered of a
        census that failed midway.
        """
        experiments = self._watched(index, now)
        full = len(self._stale) <= FEW_STALE or (
            now - self._full_at >= self._settings.full_scan_interval
        )
        after = None if full else round((now - self._settings.stale_after) * 1000)
        runs = {run.run_id: run for run in index.running(experiments, after)}
        since = now if self._polled_at is None else self._polled_at
        since -= max(self._settings.ended_window, self._settings.ended_grace)
        runs.update((r.run_id, r) for r in index.ended_since(experiments, round(since * 1000)))

        missing = {*owed, *self._alive, *(self._stale if full else ())} - runs.keys()
        homes = {self._homes[run_id] for run_id in missing if run_id in self._homes}
        found = index.by_ids({*experiments, *homes}, missing) if missing else []
        runs.update((run.run_id, run) for run in found if not run.deleted)
        gone = missing - runs.keys()

        stale = {run.run_id for run in runs.values() if self._is_stale(run, now, newest)}
        self._remember(runs, stale, now, full=full)
        active = {run_id: run for run_id, run in runs.items() if run_id not in stale}
        return Census(active, self._shown(active, now), gone, len(self._stale), experiments)

    def _watched(self, index: RunIndex, now: float) -> Mapping[str, str]:
        due = now - self._experiments_at >= self._settings.experiments_interval
        if due or not self._experiments:
            names = index.experiments()
            self._experiments = {
                i: name for i, name in names.items() if self._settings.watches(name)
            }
            self._experiments_at = now
        return self._experiments

    def _is_stale(self, run: TrackedRun, now: float, newest: Callable[[str], int]) -> bool:
        silent = now - max(run.active, newest(run.run_id)) / 1000
        return run.running and silent > self._settings.stale_after

    def _remember(
        self, runs: Mapping[str, TrackedRun], stale: set[str], now: float, *, full: bool
    ) -> None:
        self._stale = stale if full else (self._stale - runs.keys()) | stale
        self._alive = {r.run_id for r in runs.values() if r.running} - stale
        ended = (run_id for run_id, run in runs.items() if not run.running)
        self._ended = {run_id: self._ended.get(run_id, now) for run_id in ended}
        self._homes = {run_id: run.experiment_id for run_id, run in runs.items()}
        self._polled_at = now
        self._full_at = now if full else self._full_at

    def _shown(self, runs: Mapping[str, TrackedRun], now: float) -> Collection[str]:
        return {
            run_id
            for run_id in runs
            if now - self._ended.get(run_id, now) <= self._settings.ended_grace
        }
