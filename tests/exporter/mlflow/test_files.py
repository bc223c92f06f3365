"""A folder of MLflow's file store is read as MLflow writes it, and left as it was."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest

from exporter.sources import SourceDown
from exporter.sources.mlflow import MlflowSettings
from tests.support.mlflow_runs import Trainer
from tests.support.mlflow_store import START, Store
from tests.support.mlflow_watcher import Watcher


def home_of(store: Store, run: Trainer) -> Path:
    """Return the folder of a run."""
    [found] = Path(store.uri.removeprefix("file://")).glob(f"*/{run.run_id}")
    return found


def steps(watcher: Watcher) -> list[int]:
    return [point.step for update in watcher.updates for point in update.points]


def test_a_run_is_read_with_all_that_belongs_to_it(folder: Store) -> None:
    run = folder.begin(name="first", tags={"k8s.namespace": "ml", "k8s.pod": "train-0"})
    run.params({"learning_rate": "0.1"})
    run.log(3, START * 1000, loss=float("nan"))
    run.points([("eval/a b", 3, START * 1000, float("-inf"))])
    watcher = folder.watch()
    [update] = watcher.poll(START + 15)
    shown = watcher.shown(run.run_id)
    assert shown
    assert (shown.name, shown.experiment, shown.status) == ("first", folder.experiment, "RUNNING")
    assert shown.params == {"learning_rate": "0.1"}
    assert shown.tags == {"k8s.namespace": "ml", "k8s.pod": "train-0"}
    assert {(m.key, m.step, repr(m.value)) for m in shown.latest} == {
        ("loss", 3, "nan"),
        ("eval/a b", 3, "-inf"),
    }
    assert [point.step for point in update.points] == [3]


def test_ends_deletion_and_return_are_told(folder: Store) -> None:
    run, watcher = folder.begin(), folder.watch(discovery_interval=0.0)
    watcher.poll(START)
    run.delete()
    [gone] = watcher.poll(START + 15)
    assert gone.deleted
    run.restore()
    [back] = watcher.poll(START + 30)
    assert not back.deleted
    run.end((START + 40) * 1000, "FAILED")
    [ended] = watcher.poll(START + 45)
    assert (ended.facts.status, ended.facts.ended_at) == ("FAILED", START + 40)


def test_a_deleted_experiment_takes_its_runs_along(folder: Store) -> None:
    run, watcher = folder.begin(), folder.watch(discovery_interval=0.0)
    watcher.poll(START)
    found = folder.client.get_experiment_by_name(folder.experiment)
    assert found
    folder.client.delete_experiment(found.experiment_id)
    [update] = watcher.poll(START + 61)
    assert (update.facts.run_id, update.deleted) == (run.run_id, True)


def test_a_line_that_is_being_written_is_read_when_it_is_whole(folder: Store) -> None:
    run, watcher = folder.begin(), folder.watch()
    run.log(1, START * 1000, loss=1.0)
    watcher.poll(START)
    metric = home_of(folder, run) / "metrics" / "loss"
    with metric.open("a") as file:
        file.write(f"{START + 5}000 0.2")
        file.flush()
        watcher.poll(START + 15)
        assert steps(watcher) == [1]
        file.write("5 2\n")
    watcher.poll(START + 30)
    assert [point.value for point in watcher.updates[-1].points] == [0.25]


def test_what_is_no_point_is_told_once_and_costs_only_itself(
    folder: Store, caplog: pytest.LogCaptureFixture
) -> None:
    run, watcher = folder.begin(), folder.watch()
    run.log(1, START * 1000, loss=1.0)
    with (home_of(folder, run) / "metrics" / "loss").open("ab") as file:
        file.write(b"\0\0\0\0\n")
    run.log(2, (START + 1) * 1000, loss=2.0)
    with caplog.at_level(logging.WARNING, "tunewatch.mlflow"):
        watcher.poll(START + 15)
        watcher.poll(START + 30)
    assert steps(watcher) == [1, 2]
    assert len([r for r in caplog.records if "is no point" in r.getMessage()]) == 1


def test_reading_changes_nothing(folder: Store) -> None:
    run = folder.begin()
    run.log(1, START * 1000, loss=1.0)
    root = Path(folder.uri.removeprefix("file://"))
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    folder.watch().poll(START)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


@pytest.mark.parametrize("form", ["file://{root}", "file:{root}", "{root}", "file://{root}/"])
def test_a_folder_is_named_as_mlflow_takes_it(folder: Store, form: str) -> None:
    run = folder.begin()
    root = folder.uri.removeprefix("file://")
    [update] = folder.watch(tracking_uri=form.format(root=root)).poll(START)
    assert update.facts.run_id == run.run_id


def test_the_folder_of_the_working_directory_is_found(
    folder: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = folder.begin()
    monkeypatch.chdir(tmp_path)
    told = {u.facts.run_id for u in Watcher(MlflowSettings()).poll(START)}
    assert told == {run.run_id}


def test_a_missing_folder_is_told_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(SourceDown, match="there is no MLflow file store at"):
        Watcher(MlflowSettings(tracking_uri=str(tmp_path / "mlruns"))).poll(START)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_vanishes_is_told_and_read_when_it_is_back(
    folder: Store, tmp_path: Path
) -> None:
    run, watcher = folder.begin(), folder.watch()
    run.log(1, START * 1000, loss=1.0)
    watcher.poll(START)
    root = Path(folder.uri.removeprefix("file://"))
    shutil.move(root, tmp_path / "away")
    with pytest.raises(SourceDown):
        watcher.poll(START + 15)
    os.replace(tmp_path / "away", root)  # noqa: PTH105 - replaces, where Path.rename may not
    run.log(2, (START + 1) * 1000, loss=2.0)
    watcher.poll(START + 30)
    assert steps(watcher) == [1, 2]
