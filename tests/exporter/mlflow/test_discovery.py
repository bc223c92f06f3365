"""Idle experiments are asked less often, and nothing of them is missed."""

from __future__ import annotations

from glob import escape

import pytest

from tests.support.mlflow_runs import Trainer
from tests.support.mlflow_store import START, Store


def elsewhere(store: Store, name: str, at: int) -> Trainer:
    """Begin a run in another experiment."""
    return Trainer.begin(store.client, at=at * 1000, name=name, experiment=f"{store.experiment}-2")


def both(store: Store) -> tuple[str, ...]:
    """Return globs of the test's experiment and the other one."""
    return (f"{escape(store.experiment)}*",)


def test_a_run_in_a_busy_experiment_is_seen_by_the_next_poll(store: Store) -> None:
    store.begin()
    watcher = store.watch()
    watcher.poll(START)
    run = store.begin(name="next")
    assert [u.facts.run_id for u in watcher.poll(START + 15)] == [run.run_id]


def test_a_run_in_a_new_experiment_is_seen_in_time_with_all_it_logged(store: Store) -> None:
    store.begin()
    watcher = store.watch(experiments=both(store), discovery_interval=60.0)
    watcher.poll(START)
    run = elsewhere(store, "new", START + 5)
    run.log(1, (START + 10) * 1000, loss=1.0)
    seen = [watcher.poll(START + later) for later in (15, 30, 45, 60)]
    assert [len(updates) for updates in seen] == [0, 0, 0, 1]
    assert [point.step for point in seen[-1][0].points] == [1]
    run.log(2, (START + 70) * 1000, loss=9.0)
    assert [u.facts.name for u in watcher.poll(START + 75)] == ["new"], "it is busy from now on"


def test_a_run_that_came_and_went_in_an_idle_experiment_is_told(store: Store) -> None:
    store.begin()
    watcher = store.watch(experiments=both(store), discovery_interval=60.0)
    watcher.poll(START)
    run = elsewhere(store, "short", START + 5)
    run.log(1, (START + 6) * 1000, loss=1.0)
    run.end((START + 7) * 1000, "FAILED")
    seen = [update for later in (15, 30, 45, 60) for update in watcher.poll(START + later)]
    assert [(u.facts.status, len(u.points)) for u in seen] == [("FAILED", 1)]


def test_where_nothing_is_active_every_poll_looks_everywhere(store: Store) -> None:
    idle = elsewhere(store, "idle", START - 86_000)
    idle.end((START - 80_000) * 1000)
    watcher = store.watch(experiments=both(store), discovery_interval=60.0)
    watcher.poll(START)
    elsewhere(store, "new", START + 5)
    assert [u.facts.name for u in watcher.poll(START + 15)] == ["new"]


@pytest.mark.parametrize("off", [-7_200, 7_200])
def test_an_end_by_a_clock_that_is_off_stays_for_its_grace(store: Store, off: int) -> None:
    run, watcher = store.begin(at=(START - 9_000) * 1000), store.watch(ended_grace=100.0)
    watcher.poll(START)
    run.end((START + 5 + off) * 1000)
    for later in (15, 30, 45, 60, 100):
        watcher.poll(START + later)
        assert watcher.shown(run.run_id), later
    watcher.poll(START + 130)
    assert watcher.shown(run.run_id) is None


def test_an_ended_run_is_carried_on_and_its_late_point_is_seen(store: Store) -> None:
    run, watcher = store.begin(), store.watch(discovery_interval=60.0)
    run.log(1, START * 1000, loss=1.0)
    watcher.poll(START)
    run.end((START + 5) * 1000)
    watcher.poll(START + 15)
    run.log(2, (START + 20) * 1000, loss=2.0)
    points = [
        p.step for later in (30, 45, 60) for u in watcher.poll(START + later) for p in u.points
    ]
    assert points == [2]


def test_a_clock_that_was_set_back_stops_no_discovery(store: Store) -> None:
    store.begin()
    watcher = store.watch(experiments=both(store))
    watcher.poll(START)
    elsewhere(store, "new", START - 7_000)
    assert [u.facts.name for u in watcher.poll(START - 7_200)] == ["new"]


def test_of_a_run_silent_for_a_day_only_its_place_is_remembered(local: Store) -> None:
    run, watcher = local.begin(), local.watch()
    run.log(1, START * 1000, loss=1.0)
    watcher.poll(START)
    following = watcher.source._following
    assert following.tracker(run.run_id)
    watcher.poll(START + 90_000)
    assert following.tracker(run.run_id) is None
    assert following.marked == {run.run_id}
    run.delete()
    watcher.poll(START + 90_060)
    assert following.marked == set()
