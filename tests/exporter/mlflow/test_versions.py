"""Old and new servers on SQLite and PostgreSQL are read exactly; what one lacks is told once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from exporter.sources.mlflow.rest import _tell_once
from tests.support.mlflow_faults import faulty
from tests.support.mlflow_lives import EVENTS, SHAPES, check
from tests.support.mlflow_server import Launch, MlflowServer
from tests.support.mlflow_store import START, Store
from tests.support.mlflow_stories import STORIES, Story
from tests.support.mlflow_turmoil import Event, Shape
from tests.support.mlflow_versions import interpreter
from tests.support.postgres import Postgres, postgres

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

VERSIONS = ("2.22", "3.14", "3.17")
LACKS = {
    "2.22": "MLflow 2.22 at {uri} reads the whole history",
    "3.14": "MLflow 3.14 at {uri} reads the whole history",
}


class Subject(NamedTuple):
    """One server of the matrix."""

    version: str
    server: MlflowServer


@pytest.fixture(scope="module")
def databases() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(
    scope="module",
    params=[(version, kind) for version in VERSIONS for kind in ("sqlite", "postgresql")],
    ids="-".join,
)
def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Subject]:
    version, kind = request.param
    backend = ""
    if kind == "postgresql":
        databases: Postgres = request.getfixturevalue("databases")
        backend = databases.create(f"mlflow-{version}")
    launch = Launch(python=interpreter(version), backend=backend)
    server = MlflowServer(Path(tmp_path_factory.mktemp("server")), launch=launch)
    server.start()
    try:
        server.wait()
        yield Subject(version, server)
    finally:
        server.stop()


@pytest.fixture
def store(subject: Subject, request: pytest.FixtureRequest) -> Store:
    from mlflow import MlflowClient  # noqa: PLC0415 - seconds

    server = subject.server
    return Store(server.uri, request.node.name, MlflowClient(server.uri), server.backend)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_every_point_arrives_exactly_once(story: Callable[[Story], None], store: Store) -> None:
    told = Story(store)
    story(told)
    told.check()


@given(shape=SHAPES, events=EVENTS)
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_point_of_any_life_is_told_once(
    store: Store, subject: Subject, shape: Shape, events: list[Event]
) -> None:
    possible = [e for e in events if e.kind != "model" or subject.version != "2.22"]
    with faulty(subject.server.port) as proxy:
        check(store, proxy, shape, possible)


def test_what_a_server_lacks_is_told_once(
    store: Store, subject: Subject, caplog: pytest.LogCaptureFixture
) -> None:
    _tell_once.cache_clear()
    run = store.begin()
    run.log(1, START * 1000, loss=1.0)
    with caplog.at_level(logging.WARNING, "tunewatch.mlflow"):
        store.watch().poll(START)
        store.watch().poll(START)
    told = [r.getMessage() for r in caplog.records if r.name == "tunewatch.mlflow"]
    lack = LACKS.get(subject.version)
    assert len(told) == (0 if lack is None else 1)
    assert lack is None or told[0].startswith(lack.format(uri=store.uri))
