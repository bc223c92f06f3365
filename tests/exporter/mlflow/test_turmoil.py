"""Whatever runs go through on a real server: what it holds is told, each point once, in order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.support.mlflow_faults import FaultyServer, faulty
from tests.support.mlflow_lives import EVENTS, SHAPES, check
from tests.support.mlflow_server import MlflowServer
from tests.support.mlflow_store import Store
from tests.support.mlflow_turmoil import Event, Shape

PLAIN = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # to shrink takes longer than to read sixteen events
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def proxy(server: MlflowServer) -> Iterator[FaultyServer]:
    """A server in front of the real one, for outages."""
    with faulty(server.port) as proxy:
        yield proxy


@pytest.mark.timeout(300)
@given(shape=SHAPES, events=EVENTS)
@settings(PLAIN, max_examples=6)
def test_every_point_of_any_life_is_told_once(
    remote: Store, proxy: FaultyServer, shape: Shape, events: list[Event]
) -> None:
    check(remote, proxy, shape, events)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@given(shape=SHAPES, events=EVENTS)
@settings(PLAIN, max_examples=300)
def test_every_point_of_many_lives_is_told_once(
    remote: Store, proxy: FaultyServer, shape: Shape, events: list[Event]
) -> None:
    check(remote, proxy, shape, events)
