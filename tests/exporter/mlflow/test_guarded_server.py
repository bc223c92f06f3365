"""A server with users, workspaces and a path prefix, all as MLflow itself has them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from exporter.sources import SourceDown
from exporter.sources.mlflow import MlflowSettings
from exporter.sources.mlflow.rest import _tell_once
from tests.support.mlflow_runs import Trainer
from tests.support.mlflow_server import Launch, MlflowServer
from tests.support.mlflow_store import START
from tests.support.mlflow_watcher import Watcher

PREFIX = "/tracking"
PASSWORD = "a long password"  # noqa: S105 - of a server that lives for this test
ADMIN = ("admin", PASSWORD)
AUTH = """
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/users.db
admin_username = admin
admin_password = a long password
auth_cache_ttl_seconds = 60
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""

pytestmark = pytest.mark.timeout(300)  # a server starts, which takes its time


class Guarded(NamedTuple):
    """The server, and the environment of whoever asks it."""

    uri: str
    environment: pytest.MonkeyPatch

    def log_in(self, name: str, password: str, workspace: str = "") -> None:
        """Be this user in this workspace from now on."""
        self.environment.setenv("MLFLOW_TRACKING_USERNAME", name)
        self.environment.setenv("MLFLOW_TRACKING_PASSWORD", password)
        self.environment.setenv("MLFLOW_WORKSPACE", workspace)

    def begin(self, experiment: str) -> Trainer:
        """Begin a run as the current user."""
        from mlflow import MlflowClient  # noqa: PLC0415 - seconds

        run = Trainer.begin(MlflowClient(self.uri), at=START * 1000, experiment=experiment)
        run.log(1, START * 1000, loss=1.0)
        return run

    def watch(self) -> Watcher:
        """Return a watcher of everything that the current user may see."""
        return Watcher(MlflowSettings(tracking_uri=self.uri, discovery_interval=0.0))

    def refused(self) -> SourceDown:
        """Poll, which must fail, and return what is said."""
        with pytest.raises(SourceDown) as caught:
            self.watch().poll(START)
        return caught.value


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "auth.ini").write_text(AUTH.format(folder=folder))
    launch = Launch(
        options=("--app-name", "basic-auth", "--enable-workspaces", "--static-prefix", PREFIX),
        environment={
            "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "of no use",
        },
        health=f"{PREFIX}/health",
    )
    server = MlflowServer(folder, empty_database, launch)
    server.start()
    try:
        server.wait()
        yield server.uri + PREFIX
    finally:
        server.stop()


@pytest.fixture
def guarded(uri: str, monkeypatch: pytest.MonkeyPatch) -> Guarded:
    """The server, seen by its administrator in the default workspace."""
    found = Guarded(uri, monkeypatch)
    found.log_in(*ADMIN)
    return found


def create_user(uri: str, name: str) -> None:
    from mlflow.server.auth.client import AuthServiceClient  # noqa: PLC0415 - seconds

    AuthServiceClient(uri).create_user(name, PASSWORD)


def create_workspace(uri: str, name: str) -> None:
    from mlflow import MlflowClient  # noqa: PLC0415 - seconds

    MlflowClient(uri).create_workspace(name)


def test_credentials_that_expire_are_told_and_nothing_is_lost(guarded: Guarded) -> None:
    run = guarded.begin("expiring")
    watcher = guarded.watch()
    watcher.poll(START)
    run.log(2, (START + 5) * 1000, loss=2.0)
    guarded.log_in("admin", "the password of last year")
    with pytest.raises(SourceDown, match=r"refuses our credentials \(401\)") as told:
        watcher.poll(START + 15)
    assert "set or renew MLFLOW_TRACKING_USERNAME" in told.value.remedy
    assert "last year" not in str(told.value)
    guarded.log_in(*ADMIN)
    watcher.poll(START + 30)
    assert [value[1] for value in sorted(watcher.points(run.run_id))] == [1, 2]


def test_without_the_prefix_the_remedy_is_the_prefix(guarded: Guarded) -> None:
    told = guarded._replace(uri=guarded.uri.removesuffix(PREFIX)).refused()
    assert "no MLflow REST API at this path (404)" in told.problem
    assert "--static-prefix" in told.remedy


def test_a_workspace_is_watched_alone(guarded: Guarded) -> None:
    create_workspace(guarded.uri, "team-a")
    here = guarded.begin("everywhere")
    guarded.log_in(*ADMIN, workspace="team-a")
    there = guarded.begin("everywhere")
    watcher = guarded.watch()
    watcher.poll(START)
    told = {update.facts.run_id for update in watcher.updates}
    assert there.run_id in told
    assert here.run_id not in told


def test_an_unknown_workspace_is_told(guarded: Guarded) -> None:
    guarded.log_in(*ADMIN, workspace="team-z")
    told = guarded.refused()
    assert "no workspace of this name" in told.problem
    assert told.remedy == "correct MLFLOW_WORKSPACE"


def test_that_there_are_workspaces_is_told_once(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    _tell_once.cache_clear()
    with caplog.at_level(logging.WARNING, "tunewatch.mlflow"):
        guarded.watch().poll(START)
        guarded.watch().poll(START)
    [record] = [r for r in caplog.records if r.name == "tunewatch.mlflow"]
    assert "set MLFLOW_WORKSPACE to watch another" in record.getMessage()
