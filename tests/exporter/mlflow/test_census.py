"""How often old runs are listed depends on how many there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from exporter.sources.mlflow.census import Roster
from exporter.sources.mlflow.settings import MlflowSettings
from exporter.sources.mlflow.tracking import Point, TrackedRun
from tests.support.mlflow_store import START

DAY = 86_400


class Index:
    """A store in memory of runs that are all RUNNING; `listed` are the runs of each answer."""

    def __init__(self, runs: list[TrackedRun]) -> None:
        self.runs = runs
        self.listed: list[int] = []

    def experiments(self) -> Mapping[str, str]:
        return {"1": "sft"}

    def running(
        self, experiments: Collection[str], started_after: int | None = None
    ) -> list[TrackedRun]:
        assert experiments
        found = [r for r in self.runs if started_after is None or r.started > started_after]
        self.listed.append(len(found))
        return found

    def ended_since(self, experiments: Collection[str], since: int) -> list[TrackedRun]:
        assert experiments
        assert since
        return []

    def by_ids(self, experiments: Collection[str], run_ids: Collection[str]) -> list[TrackedRun]:
        assert experiments
        return [run for run in self.runs if run.run_id in run_ids]


def run(number: int, started: int) -> TrackedRun:
    latest = {"loss": Point(1, started * 1000, 1.0)}
    return TrackedRun(
        f"{number:032}", "run", "1", "ann", "RUNNING", started * 1000, None, latest=latest
    )


@pytest.mark.parametrize(("zombies", "whole"), [(40, 240), (60, 12), (2_000, 12), (21_000, 2)])
def test_hanging_runs_are_listed_the_less_often_the_more_there_are(
    zombies: int, whole: int
) -> None:
    index = Index([run(number, START - 3 * DAY) for number in range(zombies)])
    index.runs.append(run(zombies, START))
    roster = Roster(MlflowSettings())
    for later in range(0, 3_600, 15):
        index.runs[-1] = run(zombies, START + later)
        census = roster.take(index, START + later, (), lambda _: 0)
        assert len(census.shown) == 1
        assert census.skipped == {"stale": zombies, "excluded": 0, "too_many": 0}
    assert index.listed.count(zombies + 1) == whole


def test_a_run_that_trains_for_days_is_found_among_many_that_hang() -> None:
    old = run(999, START - 5 * DAY)
    index = Index([*(run(number, START - 3 * DAY) for number in range(100)), old])
    roster = Roster(MlflowSettings())
    for later in range(0, 600, 15):
        census = roster.take(index, START + later, (), lambda i: START * 1000 * (i == old.run_id))
        assert set(census.shown) == {old.run_id}
        assert not census.gone


def test_a_census_that_fails_midway_leaves_no_trace() -> None:
    index = Index([run(1, START)])
    roster = Roster(MlflowSettings())
    before = roster.take(index, START, (), lambda _: 0)
    index.runs.append(run(2, START))

    def breaks(experiments: Collection[str], since: int) -> list[TrackedRun]:
        raise ConnectionError(experiments, since)

    index.ended_since, sound = breaks, index.ended_since  # type: ignore[method-assign]  # breaks off
    with pytest.raises(ConnectionError):
        roster.take(index, START + 60, (), lambda _: 0)
    index.ended_since = sound  # type: ignore[method-assign]  # works again
    after = roster.take(index, START + 75, (), lambda _: 0)
    assert set(before.runs) < set(after.runs)
    assert not after.gone
