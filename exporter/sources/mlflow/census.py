"""Which runs exist now: alive, lately ended, stale or gone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from exporter.sources.mlflow.seats import Seats
from exporter.sources.mlflow.settings import MlflowSettings
from exporter.sources.mlflow.tracking import RunIndex, TrackedRun

FEW_STALE = 50
"""Up to so many stale runs it costs less to list them in each search than to ask twice."""
STALE_PER_SECOND = 7
"""Listing so many stale runs costs a server some 1 % of a second; more wait for longer."""


class Census(NamedTuple):
    """The runs of one poll; `shown` are those of `runs` that belong on the page.

    `gone` are runs that were alive or owed at the last poll and are deleted or no longer wanted;
    `skipped` counts active runs that are left out, by reason; `experiments` maps ids to names.
    """

    runs: Mapping[str, TrackedRun]
    shown: Collection[str]
    gone: Collection[str]
    skipped: Mapping[str, int]
    experiments: Mapping[str, str]


class Roster:
    """Finds active runs in one request, whatever the number of finished ones.

    A poll asks for the runs of those experiments where something happened lately, or of all if
    that is nowhere. Every `discovery_interval` a *wide* poll asks for the experiments, for the runs
    of all of them, and for those that ended, among which may be some that came and went unseen.
    """

    def __init__(self, settings: MlflowSettings) -> None:
        self._settings = settings
        self._seats = Seats(settings.max_runs)
        self._experiments: Mapping[str, str] = {}
        self._warm: set[str] = set()
        self._homes: dict[str, str] = {}
        self._alive: set[str] = set()
        self._stale: set[str] = set()
        self._excluded: set[str] = set()
        self._followed: set[str] = set()
        self._ended: dict[str, TrackedRun] = {}
        self._ended_at: dict[str, float] = {}
        self._wide_at: float | None = None
        self._full_at = 0.0

    def take(
        self, index: RunIndex, now: float, owed: Collection[str], newest: Callable[[str], int]
    ) -> Census:
        """List the runs; `owed` are looked up even if no list has them any more.

        `newest` tells when (ms) a run was last seen to log something. Nothing is remembered of a
        census that failed midway.
        """
        scan = self._plan(now)
        experiments = self._watched(index) if scan.wide else self._experiments
        found = self._search(index, experiments, scan)
        wanted = {*owed, *self._alive, *self._to_look_up(scan)}
        found.update(self._looked_up(index, experiments, wanted - found.keys()))
        if not scan.wide and not wanted <= found.keys():
            # Before a run counts as gone: it may have moved to an experiment that is new to us.
            experiments = self._watched(index)
            found.update(self._looked_up(index, experiments, wanted - found.keys()))

        def active(run: TrackedRun) -> int:
            return max(run.active, newest(run.run_id))

        chosen = {i: run for i, run in found.items() if self._settings.selects(run.name, run.tags)}
        stale = {run.run_id for run in chosen.values() if self._is_stale(run, now, active)}
        self._experiments = experiments
        self._remember(chosen, stale, scan)
        self._exclude(_running(found) - chosen.keys(), scan)
        lively = {run_id: run for run_id, run in chosen.items() if run_id not in stale}
        self._warm = {run.experiment_id for run in lively.values()}
        self._followed.update(owed)
        return self._seated(lively, wanted - chosen.keys(), now, active)

    def _plan(self, now: float) -> _Scan:
        since = self._wide_at
        wide = since is None or not 0 <= now - since < self._settings.discovery_interval
        few = len(self._stale) <= FEW_STALE
        patience = max(self._settings.full_scan_interval, len(self._stale) / STALE_PER_SECOND)
        full = wide and (few or not 0 <= now - self._full_at < patience)
        return _Scan(now, wide=wide, full=full, young=not (few or full))

    def _watched(self, index: RunIndex) -> Mapping[str, str]:
        names = index.experiments()
        return {i: name for i, name in names.items() if self._settings.watches(name)}

    def _search(
        self, index: RunIndex, experiments: Mapping[str, str], scan: _Scan
    ) -> dict[str, TrackedRun]:
        warm = self._warm & experiments.keys()
        scope = experiments if scan.wide or not warm else warm
        after = round((scan.now - self._settings.stale_after) * 1000) if scan.young else None
        running = index.running(scope, after)
        if scan.wide:
            since = scan.now if self._wide_at is None else self._wide_at
            since -= max(self._settings.ended_window, self._settings.ended_grace)
            ended = index.ended_since(experiments, round(since * 1000))
        else:
            ended = list(self._ended.values())
        # A run that was resumed meanwhile is known from before as ended.
        return {run.run_id: run for run in (*ended, *running)}

    def _to_look_up(self, scan: _Scan) -> set[str]:
        """Return which runs to ask for by id if no list has them, beside those alive and owed."""
        # Ends are dated by the clocks of clients, which may be off by more than any overlap.
        ended = {i for i in self._ended if self._in_grace(i, scan.now)} if scan.wide else set()
        return ended | (self._stale if scan.full else set())

    def _looked_up(
        self, index: RunIndex, experiments: Mapping[str, str], missing: Collection[str]
    ) -> dict[str, TrackedRun]:
        homes = {self._homes[run_id] for run_id in missing if run_id in self._homes}
        found = index.by_ids({*experiments, *homes}, missing) if missing else []
        return {run.run_id: run for run in found if not run.deleted}

    def _is_stale(self, run: TrackedRun, now: float, active: Callable[[TrackedRun], int]) -> bool:
        return run.running and now - active(run) / 1000 > self._settings.stale_after

    def _in_grace(self, run_id: str, now: float) -> bool:
        return now - self._ended_at.get(run_id, now) <= self._settings.ended_grace

    def _remember(self, runs: Mapping[str, TrackedRun], stale: set[str], scan: _Scan) -> None:
        self._stale = stale if scan.full else (self._stale - runs.keys()) | stale
        self._alive = _running(runs) - stale
        self._ended = {run_id: run for run_id, run in runs.items() if not run.running}
        self._ended_at = {i: self._ended_at.get(i, scan.now) for i in self._ended}
        self._homes = {run_id: run.experiment_id for run_id, run in runs.items()}
        self._wide_at = scan.now if scan.wide else self._wide_at
        self._full_at = scan.now if scan.full else self._full_at

    def _exclude(self, excluded: set[str], scan: _Scan) -> None:
        self._excluded = excluded if scan.wide else self._excluded | excluded

    def _seated(
        self,
        runs: Mapping[str, TrackedRun],
        gone: Collection[str],
        now: float,
        active: Callable[[TrackedRun], int],
    ) -> Census:
        """Keep the runs that have a seat, and those that had one: their judging goes on."""
        lively = [run for i, run in runs.items() if run.running or self._in_grace(i, now)]
        shown = self._seats.take(lively, now, active)
        unseated = {run.run_id for run in lively} - shown
        followed = {i: r for i, r in runs.items() if i not in unseated or i in self._followed}
        self._followed = set(followed)
        self._alive &= followed.keys()
        skipped = {
            "stale": len(self._stale),
            "excluded": len(self._excluded),
            "too_many": len(unseated),
        }
        return Census(followed, shown, gone, skipped, self._experiments)


class _Scan(NamedTuple):
    """What one poll looks at: `full` includes old runs, `young` leaves them out of the list."""

    now: float
    wide: bool
    full: bool
    young: bool


def _running(runs: Mapping[str, TrackedRun]) -> set[str]:
    return {run_id for run_id, run in runs.items() if run.running}
