"""A local database is found, read and left as it was; other stores are refused with a remedy."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from exporter.sources import SourceDown
from exporter.sources.mlflow import MlflowSettings
from tests.support.mlflow_store import START, Store
from tests.support.mlflow_watcher import Watcher


def down(uri: str = "") -> SourceDown:
    """Poll a store that cannot be read and return what it says."""
    with pytest.raises(SourceDown) as caught:
        Watcher(MlflowSettings(tracking_uri=uri)).poll(START)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory without any configuration of MLflow."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_any_configuration_nothing_is_created(nowhere: Path) -> None:
    told = down()
    assert told.problem == "no MLflow tracking server is configured"
    assert "set MLFLOW_TRACKING_URI" in told.remedy
    assert list(nowhere.iterdir()) == []


def test_the_database_of_the_working_directory_is_found(
    nowhere: Path, empty_database: Path
) -> None:
    shutil.copyfile(empty_database, nowhere / "mlflow.db")
    assert Watcher(MlflowSettings()).poll(START) == []


def test_the_environment_names_the_store_unless_the_settings_do(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{nowhere}/from-environment.db")
    assert "from-environment.db" in down().problem
    assert "from-settings.db" in down(f"sqlite:///{nowhere}/from-settings.db").problem


@pytest.mark.parametrize("name", ["with space.db", "100%.db", "what?.db", "日本.db", "a#b.db"])
def test_odd_file_names_are_read(nowhere: Path, empty_database: Path, name: str) -> None:
    shutil.copyfile(empty_database, nowhere / name)
    uri = f"sqlite:///{name}".replace("?", "%3F")
    assert Watcher(MlflowSettings(tracking_uri=uri)).poll(START) == []


def test_a_missing_file_is_not_created(nowhere: Path) -> None:
    told = down("sqlite:///missing.db")
    assert "there is no MLflow database at missing.db" in told.problem
    assert not (nowhere / "missing.db").exists()


def test_a_file_of_another_kind(nowhere: Path) -> None:
    (nowhere / "text.db").write_text("not a database, " * 100)
    assert "is not an MLflow database" in down("sqlite:///text.db").problem


def test_a_database_of_another_program(nowhere: Path) -> None:
    with closing(sqlite3.connect(nowhere / "other.db")) as other, other:
        other.execute("CREATE TABLE things (name TEXT)")
    told = down("sqlite:///other.db")
    assert "no such table" in told.problem
    assert "MLFLOW_TRACKING_URI" in told.remedy


def test_a_locked_database_is_read_later(
    local: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.sources.mlflow.database.BUSY_SECONDS", 0.05)
    run, watcher = local.begin(), local.watch()
    watcher.poll(START)
    run.log(1, START * 1000, loss=1.0)
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceDown, match="stays locked"):
            watcher.poll(START + 15)
        writer.execute("ROLLBACK")
    [update] = watcher.poll(START + 30)
    assert [point.step for point in update.points] == [1]


def test_reading_changes_nothing_and_holds_no_lock(local: Store, tmp_path: Path) -> None:
    run = local.begin()
    run.log(1, START * 1000, loss=1.0)
    before = (tmp_path / "mlflow.db").read_bytes()
    watcher = local.watch()
    watcher.poll(START)
    assert (tmp_path / "mlflow.db").read_bytes() == before
    with closing(sqlite3.connect(tmp_path / "mlflow.db", timeout=0)) as writer:
        writer.execute("BEGIN EXCLUSIVE")


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg2", "mysql", "mssql+pyodbc"])
def test_servers_of_databases_are_left_to_mlflow(scheme: str) -> None:
    told = down(f"{scheme}://user:secret@db/mlflow")
    assert "not read directly" in told.problem
    assert "MLflow server in front" in told.remedy
    assert "secret" not in str(told)


def test_an_unknown_scheme_is_told_without_credentials() -> None:
    told = down("carrier-pigeon://user:secret@coop")
    assert "carrier-pigeon://coop" in told.problem
    assert "secret" not in str(told)
