"""What the page is given of runs: latest values of those that are active or ended lately."""

from __future__ import annotations

import math

import pytest

from exporter.snapshot import LatestMetric
from tests.support.mlflow_runs import upload
from tests.support.mlflow_store import START, Store
from tests.support.mlflow_watcher import Watcher
from tests.support.recordings import recording

DAY = 86_400


def counts(watcher: Watcher) -> tuple[int, int]:
    """Return how many runs are shown and how many are stale."""
    return len(watcher.runs.runs), watcher.runs.skipped["stale"]


def test_a_recorded_run_shows_its_last_values(store: Store) -> None:
    recorded = recording("two-eval-sets")
    shift = START * 1000 - recorded["end_time"]
    run_id = upload(store.client, recorded, experiment=store.experiment, shift=shift)
    watcher = store.watch()
    watcher.poll(START + 15)
    run = watcher.shown(run_id)
    assert run
    shown = {latest.key: (latest.step, latest.time, latest.value) for latest in run.latest}
    assert shown == {
        key: (points[-1][0], (points[-1][1] + shift) / 1000, points[-1][2])
        for key, points in recorded["metrics"].items()
    }
    assert (run.name, run.user, run.status) == ("two-eval-sets", "root", "FINISHED")
    assert (run.started_at, run.ended_at) == (
        (recorded["start_time"] + shift) / 1000,
        (recorded["end_time"] + shift) / 1000,
    )
    assert run.params["learning_rate"] == recorded["params"]["learning_rate"]
    assert "optim" not in run.params


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -1.5, 1e308])
def test_values_are_shown_as_logged(store: Store, value: float) -> None:
    run, watcher = store.begin(), store.watch()
    run.log(7, START * 1000, loss=value)
    watcher.poll(START)
    shown = watcher.shown(run.run_id)
    assert shown
    assert repr(shown.latest[0].value) == repr(value)


@pytest.mark.parametrize("key", ["loss/train", "a b", "a:b", "日本", "eval.loss-1", "x" * 250])
def test_metric_names_are_shown_verbatim(store: Store, key: str) -> None:
    run, watcher = store.begin(), store.watch()
    run.points([(key, 1, START * 1000, 2.5)])
    watcher.poll(START)
    shown = watcher.shown(run.run_id)
    assert shown
    assert [(latest.key, latest.value) for latest in shown.latest] == [(key, 2.5)]


def test_two_runs_may_share_a_name(store: Store) -> None:
    runs, watcher = [store.begin(name="same") for _ in range(2)], store.watch()
    watcher.poll(START)
    assert {run.run_id for run in runs} == {run.run_id for run in watcher.runs.runs}
    assert [run.name for run in watcher.runs.runs] == ["same", "same"]


def test_tags_of_the_pod_and_the_parent_are_kept(store: Store) -> None:
    pod = {"k8s.namespace": "ml", "k8s.pod": "train-0", "k8s.node": "gpu-1", "k8s.job": "sft"}
    pod |= {"tunewatch.node": "gpu-1", "tunewatch.gpus": ",".join(["GPU-" + "a" * 36] * 64)}
    run = store.begin(tags={**pod, "mlflow.parentRunId": "a" * 32, "team": "nlp"})
    watcher = store.watch()
    watcher.poll(START)
    shown = watcher.shown(run.run_id)
    assert shown
    assert (shown.tags, shown.parent_run_id) == (pod, "a" * 32)


def test_long_params_are_cut_and_the_choice_is_the_users(store: Store) -> None:
    run, watcher = store.begin(), store.watch(params=("prompt",))
    run.params({"prompt": "p" * 500, "learning_rate": "0.1"})
    watcher.poll(START)
    shown = watcher.shown(run.run_id)
    assert shown
    assert shown.params == {"prompt": "p" * 120}


def test_too_many_metrics_are_counted_and_those_of_rules_kept(store: Store) -> None:
    run, watcher = store.begin(), store.watch(max_metrics_per_run=5)
    run.points([(f"a{number}", 1, START * 1000, 1.0) for number in range(8)])
    run.log(1, START * 1000, loss=1.0, grad_norm=2.0)
    run.points([("system/gpu_0_power_usage_watts", 1, START * 1000, 300.0)])
    watcher.poll(START)
    shown = watcher.shown(run.run_id)
    assert shown
    assert [latest.key for latest in shown.latest] == ["a0", "a1", "a2", "grad_norm", "loss"]
    assert watcher.runs.metrics_skipped == {
        "system": 1,
        "excluded": 0,
        "too_long": 0,
        "too_many": 5,
    }


def test_system_metrics_are_shown_on_demand(store: Store) -> None:
    run = store.begin()
    run.points([("system/gpu_0_power_usage_watts", 1, START * 1000, 300.0)])
    watcher = store.watch(system_metrics=True)
    watcher.poll(START)
    shown = watcher.shown(run.run_id)
    assert shown
    assert len(shown.latest) == 1
    assert not any(watcher.runs.metrics_skipped.values())


def test_an_ended_run_stays_for_its_grace(store: Store) -> None:
    run, watcher = store.begin(), store.watch(ended_grace=300.0)
    watcher.poll(START)
    run.end((START + 5) * 1000)
    watcher.poll(START + 15)
    watcher.poll(START + 310)
    assert watcher.shown(run.run_id)
    watcher.poll(START + 320)
    assert watcher.shown(run.run_id) is None


def test_a_run_silent_for_a_day_is_counted_and_comes_back_with_news(store: Store) -> None:
    run, other = store.begin(), store.begin(at=START * 1000)
    run.log(1, START * 1000, loss=1.0)
    watcher = store.watch()
    watcher.poll(START + 15)
    other.log(1, (START + DAY) * 1000, loss=1.0)
    watcher.poll(START + DAY + 15)
    assert counts(watcher) == (1, 1)
    assert watcher.shown(other.run_id)
    run.log(2, (START + DAY + 20) * 1000, loss=2.0)
    [update] = watcher.poll(START + DAY + 30)
    assert [point.step for point in update.points] == [2]
    assert counts(watcher) == (2, 0)


def test_many_stale_runs_are_listed_only_now_and_then(remote: Store) -> None:
    watcher = remote.watch()
    zombies = [remote.begin(at=START * 1000) for _ in range(51)]
    live = remote.begin(at=(START + DAY) * 1000)
    watcher.poll(START + DAY + 60)
    assert counts(watcher) == (1, 51)
    zombies[0].log(1, (START + DAY + 60) * 1000, loss=1.0)
    watcher.poll(START + DAY + 75)
    assert [run.run_id for run in watcher.runs.runs] == [live.run_id]
    watcher.poll(START + DAY + 400)
    assert {run.run_id for run in watcher.runs.runs} == {live.run_id, zombies[0].run_id}
    assert counts(watcher) == (2, 50)


def test_only_chosen_experiments_are_watched(store: Store) -> None:
    run = store.begin()
    assert store.watch(exclude_experiments=("test_only_*",)).poll(START) == []
    assert store.watch(experiments=("nothing-like-it",)).poll(START) == []
    assert [u.facts.run_id for u in store.watch().poll(START)] == [run.run_id]


def test_below_its_old_end_a_resumed_run_shows_what_it_logs_now(store: Store) -> None:
    run, watcher = store.begin(), store.watch()
    run.points([("loss", step, (START + step) * 1000, 1.0) for step in range(100)])
    watcher.poll(START + 100)
    run.log(50, (START + 150) * 1000, loss=9.0)
    watcher.poll(START + 300)
    shown = watcher.shown(run.run_id)
    assert shown
    assert shown.latest == (LatestMetric("loss", 9.0, 50, START + 150),)
    assert shown.last_log_at == START + 150


def test_runs_link_to_the_user_interface_without_credentials(remote: Store) -> None:
    run = remote.begin()
    port = remote.uri.rpartition(":")[2]
    with_password = remote.watch(tracking_uri=f"http://user:secret@127.0.0.1:{port}/")
    [update] = with_password.poll(START)
    home = f"#/experiments/{update.facts.experiment_id}/runs/{run.run_id}"
    assert update.facts.url == f"{remote.uri}/{home}"
    [update] = remote.watch(public_url="https://mlflow.example.com/").poll(START)
    assert update.facts.url == f"https://mlflow.example.com/{home}"
