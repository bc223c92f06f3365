"""What the alert engine is told of a run besides its points, and when."""

from __future__ import annotations

from glob import escape

from tests.support.mlflow_store import START, Store
from tests.support.mlflow_watcher import Watcher

TAGS = {"tunewatch.mute": "all", "k8s.namespace": "ml", "k8s.pod": "train-0"}


def test_a_new_run_is_told_once_with_its_facts(store: Store) -> None:
    run = store.begin(name='llama\n"7b"', tags={**TAGS, "secret": "x"})
    run.params({"max_grad_norm": "1.0", "seed": "42"})
    run.log(1, START * 1000, loss=1.0)
    watcher = store.watch()
    [update] = watcher.poll(START + 15)
    facts = update.facts
    assert (facts.run_id, facts.name, facts.experiment) == (
        run.run_id,
        'llama\n"7b"',
        store.experiment,
    )
    assert (facts.status, facts.started_at, facts.ended_at) == ("RUNNING", START, None)
    assert facts.params == {"max_grad_norm": "1.0"}
    assert facts.tags == TAGS
    assert (update.seen_at, update.moved, update.deleted) == (START + 15, True, False)
    assert watcher.poll(START + 30) == []


def test_changes_of_facts_are_told_without_points(store: Store) -> None:
    run, watcher = store.begin(name="before"), store.watch()
    watcher.poll(START)
    run.rename("after")
    [renamed] = watcher.poll(START + 15)
    assert (renamed.facts.name, renamed.points, renamed.moved) == ("after", (), False)
    run.tag("tunewatch.mute", "plateau")
    [tagged] = watcher.poll(START + 30)
    assert tagged.facts.tags == {"tunewatch.mute": "plateau"}
    run.params({"transformers_version": "5.0"})
    [known] = watcher.poll(START + 45)
    assert known.facts.params == {"transformers_version": "5.0"}


def test_an_end_is_told_with_its_status_and_time(store: Store) -> None:
    run, watcher = store.begin(), store.watch()
    watcher.poll(START)
    run.end((START + 10) * 1000, "KILLED")
    [update] = watcher.poll(START + 15)
    assert (update.facts.status, update.facts.ended_at) == ("KILLED", START + 10)
    assert watcher.poll(START + 30) == []


def test_an_end_without_a_time_is_noticed(store: Store) -> None:
    run, watcher = store.begin(), store.watch()
    watcher.poll(START)
    store.client.update_run(run.run_id, status="FAILED")
    [update] = watcher.poll(START + 15)
    assert update.facts.status == "FAILED"


def test_a_resumed_run_is_running_without_an_end(store: Store) -> None:
    run, watcher = store.begin(), store.watch()
    run.end(START * 1000)
    watcher.poll(START)
    run.resume()
    [update] = watcher.poll(START + 15)
    assert (update.facts.status, update.facts.ended_at) == ("RUNNING", None)
    shown = watcher.shown(run.run_id)
    assert shown
    assert shown.ended_at is None


def test_a_deleted_run_vanishes_at_once_and_comes_back_restored(store: Store) -> None:
    run, watcher = store.begin(name="mistake"), store.watch()
    run.log(1, START * 1000, loss=1.0)
    watcher.poll(START)
    run.delete()
    [gone] = watcher.poll(START + 15)
    assert (gone.deleted, gone.facts.name, gone.points) == (True, "mistake", ())
    assert watcher.runs.runs == ()
    run.restore()
    [back] = watcher.poll(START + 30)
    assert not back.deleted
    assert len(back.points) == 1


def test_a_deleted_experiment_takes_its_runs_along(store: Store) -> None:
    run, watcher = store.begin(), store.watch()
    watcher.poll(START)
    found = store.client.get_experiment_by_name(store.experiment)
    assert found
    store.client.delete_experiment(found.experiment_id)
    [update] = watcher.poll(START + 61)
    assert (update.facts.run_id, update.deleted) == (run.run_id, True)


def test_a_metric_that_no_rule_reads_still_shows_life(store: Store) -> None:
    run, watcher = store.begin(), store.watch()
    run.log(1, START * 1000, reward=1.0)
    watcher.poll(START)
    run.log(2, (START + 10) * 1000, reward=2.0)
    [update] = watcher.poll(START + 15)
    assert (update.points, update.moved) == ((), True)


def test_system_metrics_of_a_hanging_trainer_show_no_life(store: Store) -> None:
    run, watcher = store.begin(), store.watch()
    run.log(1, START * 1000, loss=1.0)
    watcher.poll(START)
    run.points([("system/cpu_utilization_percentage", 5, (START + 10) * 1000, 50.0)])
    assert watcher.poll(START + 15) == []


def test_the_parent_of_an_active_run_is_known_as_such(store: Store) -> None:
    parent, watcher = store.begin(name="sweep"), store.watch()
    child = store.begin(name="trial", tags={"mlflow.parentRunId": parent.run_id})
    told = {update.facts.run_id: update.facts for update in watcher.poll(START)}
    assert told[parent.run_id].is_parent
    assert not told[child.run_id].is_parent
    child.end((START + 10) * 1000)
    assert [update.facts.run_id for update in watcher.poll(START + 15)] == [child.run_id]


def test_first_poll_tells_only_of_runs_that_ended_lately(store: Store) -> None:
    old, late = store.begin(name="old"), store.begin(name="late")
    old.end((START - 2_000) * 1000)
    late.end((START - 60) * 1000)
    watcher = store.watch()
    assert [update.facts.name for update in watcher.poll(START)] == ["late"]


def test_an_end_during_a_long_absence_is_told(store: Store) -> None:
    watcher = store.watch()
    watcher.poll(START)
    run = store.begin(at=(START + 100) * 1000)
    run.log(1, (START + 100) * 1000, loss=1.0)
    run.end((START + 200) * 1000, "FAILED")
    [update] = watcher.poll(START + 10_000)
    assert update.facts.status == "FAILED"
    assert len(update.points) == 1


def test_a_restarted_daemon_reads_on_where_it_stopped(store: Store) -> None:
    run = store.begin()
    run.log(1, (START + 1) * 1000, loss=1.0, epoch=0.1)
    run.log(2, (START + 2) * 1000, loss=2.0, epoch=0.2)
    before = store.watch()
    before.poll(START + 15)
    run.log(3, (START + 20) * 1000, loss=3.0, epoch=0.3)
    after = Watcher(store.settings(), {run.run_id: before.marks(run.run_id)})
    [update] = after.poll(START + 60)
    assert [(p.metric, p.step) for p in update.points] == [("epoch", 3), ("loss", 3)]


def test_a_restarted_daemon_hears_nothing_from_a_silent_run(store: Store) -> None:
    run = store.begin()
    run.log(1, (START + 1) * 1000, loss=1.0)
    before = store.watch()
    before.poll(START + 15)
    after = Watcher(store.settings(), {run.run_id: before.marks(run.run_id)})
    [update] = after.poll(START + 60)
    assert (update.points, update.moved) == ((), False)


def test_a_restarted_daemon_learns_how_old_runs_went_on(store: Store) -> None:
    ended, deleted, rewound = (store.begin(name=n) for n in ("ended", "deleted", "rewound"))
    for run in (ended, deleted, rewound):
        run.points([("loss", step, (START + step) * 1000, 1.0) for step in range(300)])
    before = store.watch()
    before.poll(START + 300)
    marks = {r.run_id: before.marks(r.run_id) for r in (ended, deleted, rewound)}
    ended.log(300, (START + 310) * 1000, loss=2.0)
    ended.end((START + 320) * 1000, "FAILED")
    deleted.delete()
    rewound.log(100, (START + 400) * 1000, loss=3.0)
    after = Watcher(store.settings(), marks)
    told = {u.facts.run_id: u for u in after.poll(START + 5_000)}
    assert told[ended.run_id].facts.status == "FAILED"
    assert [p.step for p in told[ended.run_id].points] == [300]
    assert told[deleted.run_id].deleted
    assert [p.step for p in told[rewound.run_id].points] == [100]


def test_a_full_feed_makes_the_source_wait_and_loses_nothing(store: Store) -> None:
    runs = [store.begin(name=f"run-{number}") for number in range(10)]
    for run in runs:
        run.points([("loss", step, (START + step) * 1000, 1.0) for step in range(50)])
        run.end((START + 60) * 1000)
    watcher = Watcher(store.settings(), capacity=120)
    watcher.source.collect(START + 60)
    assert watcher.feed.room() == 0
    assert len(watcher.feed.peek()) == 3
    for later in range(10):
        # Long after the ends have left the window in which they are looked for.
        watcher.poll(START + 10_000 * (later + 1))
    assert {r.run_id for r in runs} == {u.facts.run_id for u in watcher.updates}
    assert all(sum(watcher.points(run.run_id).values()) == 50 for run in runs)


def test_without_time_for_all_runs_every_poll_gets_on_with_some(store: Store) -> None:
    runs = [store.begin(name=f"run-{number}") for number in range(9)]
    for run in runs:
        run.log(1, START * 1000, loss=1.0)
    watcher = store.watch(history_budget=0.0)
    polls = [len(watcher.poll(START + 15 * number)) for number in range(4)]
    assert polls == [4, 4, 1, 0]
    assert len(watcher.runs.runs) == 9


def test_a_run_that_moves_to_a_new_experiment_goes_on(store: Store) -> None:
    run = store.begin()
    run.log(1, START * 1000, loss=1.0)
    watcher = store.watch(experiments=(f"{escape(store.experiment)}*",))
    watcher.poll(START)
    store.move(run.run_id, f"{store.experiment}-elsewhere")
    run.log(2, (START + 10) * 1000, loss=2.0)
    [update] = watcher.poll(START + 15)
    assert not update.deleted
    assert update.facts.experiment == f"{store.experiment}-elsewhere"
    assert [point.step for point in update.points] == [2]
