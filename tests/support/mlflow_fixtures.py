"""Fixtures: a real MLflow server for the session, and stores to log into."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mlflow_server import MlflowServer, make_database
from tests.support.mlflow_store import Store


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in os.environ:
        if name.startswith("MLFLOW_TRACKING"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without runs, made once because migrating takes seconds."""
    path = tmp_path_factory.mktemp("mlflow-empty") / "mlflow.db"
    make_database(path)
    return path


@pytest.fixture(scope="session")
def server(
    empty_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowServer]:
    """The server that all tests share; each works in an experiment of its own."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow-server"), empty_database)
    server.start()
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture
def remote(server: MlflowServer, request: pytest.FixtureRequest) -> Store:
    """The server as a store."""
    from mlflow import MlflowClient  # noqa: PLC0415 - seconds

    return Store(server.uri, request.node.name, MlflowClient(server.uri), server.backend)


@pytest.fixture
def local(empty_database: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Store:
    """A database file as a store."""
    from mlflow import MlflowClient  # noqa: PLC0415 - seconds

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    return Store(uri, request.node.name, MlflowClient(uri))


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Store:
    """A folder of the file store."""
    from mlflow import MlflowClient  # noqa: PLC0415 - seconds

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "mlruns").as_uri()
    return Store(uri, request.node.name, MlflowClient(uri))


@pytest.fixture(params=["remote", "local"])
def store(request: pytest.FixtureRequest) -> Store:
    """A server and a database: the same things must be read from both."""
    found: Store = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["remote", "local", "folder"])
def any_store(request: pytest.FixtureRequest) -> Store:
    """Each kind of store, also the one that MLflow itself has given up."""
    found: Store = request.getfixturevalue(request.param)
    return found
