"""Users choose by experiment, run name, tag and metric what is mirrored, and how much of it."""

from __future__ import annotations

import pytest

from tests.support.mlflow_store import START, Store
from tests.support.mlflow_watcher import Watcher

HOUR = 3_600


def names(watcher: Watcher) -> list[str]:
    """Return the names of the runs that are shown."""
    return sorted(run.name for run in watcher.runs.runs)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, ["eval-a", "sft-a", "sft-b"]),
        ({"runs": ("sft-*",)}, ["sft-a", "sft-b"]),
        ({"runs": ("*-a", "*-b"), "exclude_runs": ("sft-?",)}, ["eval-a"]),
        ({"tags": {"team": "nlp*"}}, ["eval-a", "sft-a"]),
        ({"tags": {"team": "nlp*", "owner": "ann"}}, ["sft-a"]),
        ({"exclude_tags": {"team": "vision", "owner": "a*"}}, ["eval-a"]),
        ({"tags": {"nobody": "*"}}, []),
    ],
)
def test_runs_are_chosen_by_name_and_tag(
    local: Store, chosen: dict[str, object], expected: list[str]
) -> None:
    local.begin(name="sft-a", tags={"team": "nlp-1", "owner": "ann"})
    local.begin(name="sft-b", tags={"team": "vision"})
    local.begin(name="eval-a", tags={"team": "nlp-2"})
    watcher = local.watch(**chosen)
    told = watcher.poll(START)
    assert names(watcher) == sorted(update.facts.name for update in told) == expected
    assert watcher.runs.skipped["excluded"] == 3 - len(expected)


def test_a_run_that_is_no_longer_chosen_vanishes_and_its_alerts_end(local: Store) -> None:
    run, watcher = local.begin(), local.watch(exclude_tags={"tunewatch": "off"})
    watcher.poll(START)
    run.tag("tunewatch", "off")
    [update] = watcher.poll(START + 15)
    assert update.deleted
    assert names(watcher) == []
    run.tag("tunewatch", "on")
    [back] = watcher.poll(START + 30)
    assert not back.deleted


def test_metrics_are_chosen_for_the_page_and_judged_all_the_same(local: Store) -> None:
    run = local.begin()
    run.log(1, START * 1000, loss=1.0, reward=2.0, reward_std=3.0, kl=4.0)
    watcher = local.watch(metrics=("reward*", "kl"), exclude_metrics=("*_std",))
    [update] = watcher.poll(START)
    shown = watcher.shown(run.run_id)
    assert shown
    assert [latest.key for latest in shown.latest] == ["kl", "reward"]
    assert watcher.runs.metrics_skipped["excluded"] == 2
    assert [point.metric for point in update.points] == ["loss"]


def test_tags_of_the_job_tell_params_that_no_trainer_logs(store: Store) -> None:
    told = {"param.lora_rank": "16", "param.seed": "1", "param.secret": "x", "lora_alpha": "32"}
    run = store.begin(tags={**told, "param.dataset": "d" * 500})
    run.params({"seed": "42", "template": "llama3"})
    watcher = store.watch()
    watcher.poll(START)
    shown = watcher.shown(run.run_id)
    assert shown
    assert shown.params == {"lora_rank": "16", "seed": "42", "dataset": "d" * 120}


def test_what_a_run_is_called_is_cut(local: Store) -> None:
    tags = {"k8s.pod": "p" * 4_000, "mlflow.user": "u" * 4_000, "mlflow.parentRunId": "r" * 4_000}
    many = {f"k8s.{number:03}": "v" for number in range(200)}
    run = local.begin(name="n" * 240, tags={**tags, **many})
    watcher = local.watch()
    [update] = watcher.poll(START)
    shown = watcher.shown(run.run_id)
    assert shown
    texts = (shown.name, shown.user, shown.parent_run_id, *shown.tags.values())
    assert max(map(len, texts)) == 250
    assert len(update.facts.tags) == 50
    assert all(len(value) <= 250 for value in update.facts.tags.values())


def test_free_seats_are_for_the_runs_that_were_active_last(
    local: Store, caplog: pytest.LogCaptureFixture
) -> None:
    runs = [local.begin(name=f"run-{number}") for number in range(4)]
    for number, run in enumerate(runs):
        run.log(1, (START + number) * 1000, loss=1.0)
    watcher = local.watch(max_runs=2)
    updates = watcher.poll(START + 10)
    assert names(watcher) == sorted(u.facts.name for u in updates) == ["run-2", "run-3"]
    assert watcher.runs.skipped["too_many"] == 2
    watcher.poll(START + 25)
    [told] = [r.getMessage() for r in caplog.records if "max_runs" in r.getMessage()]
    assert told.startswith("only 2 of 4 active runs are mirrored: raise mlflow.max_runs")


def test_a_run_that_logs_keeps_its_seat_and_a_quiet_one_gives_it_up(local: Store) -> None:
    first, second = local.begin(name="first"), local.begin(name="second")
    for run in (first, second):
        run.log(1, START * 1000, loss=1.0)
    watcher = local.watch(max_runs=2)
    watcher.poll(START + 10)
    late = local.begin(name="late", at=(START + 20) * 1000)
    late.log(1, (START + 20) * 1000, loss=1.0)
    watcher.poll(START + 30)
    assert names(watcher) == ["first", "second"]

    later = START + 2 * HOUR
    for run in (second, late):
        run.log(2, later * 1000, loss=1.0)
    watcher.poll(later + 10)
    assert names(watcher) == ["late", "second"]
    first.log(2, (later + 15) * 1000, loss=9.0)
    [update] = watcher.poll(later + 25)
    assert [p.value for p in update.points] == [9.0], "the judging of a known run goes on"
    late.end((later + 30) * 1000)
    watcher.poll(later + 40)
    assert names(watcher) == ["first", "second"]


def test_marks_of_an_earlier_process_keep_a_run_followed_without_a_seat(local: Store) -> None:
    old, new = local.begin(name="old"), local.begin(name="new")
    old.log(1, START * 1000, loss=1.0)
    before = local.watch(max_runs=2)
    before.poll(START + 1)
    new.log(1, (START + 60) * 1000, loss=1.0)
    old.log(2, (START + 30) * 1000, loss=2.0)
    after = Watcher(local.settings(max_runs=1), {old.run_id: before.marks(old.run_id)})
    told = after.poll(START + 75)
    assert names(after) == ["new"]
    steps = {u.facts.name: [point.step for point in u.points] for u in told}
    assert steps == {"old": [2], "new": [1]}
