"""A server that is down, slow or talks nonsense: a plain word with the remedy, nothing lost."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from exporter.sources import SourceDown
from exporter.sources.mlflow import MlflowSettings
from tests.support.mlflow_faults import (
    Fault,
    FaultyServer,
    Reply,
    always,
    faulty,
    html,
    status,
    truncated,
)
from tests.support.mlflow_server import MlflowServer
from tests.support.mlflow_store import START, Store
from tests.support.mlflow_watcher import Watcher

INVALID_HOST = b"Invalid Host header - possible DNS rebinding attack detected"
HISTORY = "/metrics/get-history"

FAULTS: dict[str, tuple[Fault, str, str]] = {
    "internal error": (status(500), "fails (500)", "log of the MLflow server"),
    "bad gateway": (status(502, b"<html>nginx</html>"), "fails (502)", "log of the MLflow"),
    "unavailable": (status(503, b""), "fails (503)", "log of the MLflow server"),
    "too many requests": (status(429), "slow down (429)", "poll less often"),
    "no credentials": (status(401), "credentials (401)", "MLFLOW_TRACKING_USERNAME"),
    "no permission": (status(403, b'{"error_code": "PERMISSION_DENIED"}'), "denies", "READ"),
    "host check": (status(403, INVALID_HOST), "Invalid Host header", "--allowed-hosts"),
    "other path": (status(404, b"not here"), "no MLflow REST API", "--static-prefix"),
    "teapot": (status(418), "answers unexpectedly (418)", "MLFLOW_TRACKING_URI"),
    "login page": (html, "web page instead of JSON", "MLFLOW_TRACKING_TOKEN"),
    "cut off by the connection": (truncated, "broke off", "proxies"),
    "cut off before the end": (always(Reply(200, b'{"runs": [')), "cut off or not JSON", "proxy"),
    "empty": (always(Reply(200, b"")), "empty answer", "proxy"),
    "not JSON": (always(Reply(200, b"\xff\xfe\x00")), "not JSON", "MLflow server"),
    "deep nonsense": (always(Reply(200, b"[" * 100_000)), "not JSON", "MLflow server"),
    "a list": (always(Reply(200, b"[1, 2]")), "without a JSON object", "2.11 or later"),
    "other JSON": (
        always(Reply(200, b'{"experiments": [{"id": 1}], "runs": [{"id": 2}]}')),
        "without",
        "MLflow server",
    ),
}


@pytest.fixture
def proxy(server: MlflowServer) -> Iterator[FaultyServer]:
    """A server in front of the real one, that fails on demand."""
    with faulty(server.port) as proxy:
        yield proxy


def down(watcher: Watcher, now: float = START) -> SourceDown:
    """Poll a store that cannot be read and return what it says."""
    with pytest.raises(SourceDown) as caught:
        watcher.poll(now)
    return caught.value


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_with_its_remedy_and_loses_nothing(
    name: str, remote: Store, proxy: FaultyServer
) -> None:
    fault, problem, remedy = FAULTS[name]
    run = remote.begin()
    run.log(1, START * 1000, loss=1.0)
    watcher = remote.watch(tracking_uri=proxy.uri)
    watcher.poll(START)
    proxy.fault = fault
    run.log(2, (START + 5) * 1000, loss=2.0)
    for later in (15, 30):
        told = down(watcher, START + later)
        assert problem in told.problem
        assert remedy in told.remedy
        assert "\n" not in str(told)
    proxy.fault = None
    watcher.poll(START + 45)
    assert [p.step for update in watcher.updates for p in update.points] == [1, 2]


def test_a_fault_at_first_sight_is_told_alike(proxy: FaultyServer) -> None:
    proxy.fault = status(503)
    assert "fails (503)" in down(Watcher(MlflowSettings(tracking_uri=proxy.uri))).problem


def test_history_that_fails_is_read_later(remote: Store, proxy: FaultyServer) -> None:
    run = remote.begin()
    watcher = remote.watch(tracking_uri=proxy.uri)
    run.log(1, START * 1000, loss=1.0, eval_loss=5.0)
    watcher.poll(START)
    run.log(2, (START + 1) * 1000, loss=2.0, eval_loss=6.0)
    run.end((START + 2) * 1000)
    proxy.fault = lambda path: Reply(500) if HISTORY in path and "=loss" in path else None
    down(watcher, START + 15)
    assert len(watcher.drain()) == 0, "half of a record must not be told"
    proxy.fault = None
    [update] = watcher.poll(START + 50_000)
    assert sorted((p.metric, p.step) for p in update.points) == [("eval_loss", 2), ("loss", 2)]
    assert update.facts.status == "FINISHED"


def test_one_run_that_may_not_be_read_costs_only_itself(
    remote: Store, proxy: FaultyServer, caplog: pytest.LogCaptureFixture
) -> None:
    runs = [remote.begin(name=f"run-{number}") for number in range(5)]
    for run in runs:
        run.log(1, START * 1000, loss=1.0)
    refused = Reply(403, b'{"error_code": "PERMISSION_DENIED", "message": "Permission denied"}')
    bad = runs[2].run_id
    proxy.fault = lambda path: refused if HISTORY in path and bad in path else None
    watcher = remote.watch(tracking_uri=proxy.uri)
    watcher.poll(START)
    told = {u.facts.run_id for u in watcher.updates}
    assert told == {run.run_id for run in runs} - {bad}
    watcher.poll(START + 15)
    assert len([r for r in caplog.records if bad in r.message]) == 1
    proxy.fault = None
    assert [u.facts.run_id for u in watcher.poll(START + 30)] == [bad]


def test_a_server_that_never_answers_costs_one_timeout(proxy: FaultyServer) -> None:
    proxy.fault = proxy.hang
    told = down(Watcher(MlflowSettings(tracking_uri=proxy.uri, timeout=0.3)))
    assert "did not answer within 0.3 s" in told.problem
    assert proxy.arrived == 1


def test_nobody_listens() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{closed.getsockname()[1]}"
    told = down(Watcher(MlflowSettings(tracking_uri=uri)))
    assert told.problem == f"nothing listens at {uri}"
    assert "start the MLflow server" in told.remedy


def test_unknown_host() -> None:
    told = down(Watcher(MlflowSettings(tracking_uri="http://nowhere.invalid:5000")))
    assert "host of http://nowhere.invalid:5000 is unknown" in told.problem


def test_credentials_are_not_told(proxy: FaultyServer) -> None:
    proxy.fault = status(500)
    uri = proxy.uri.replace("//", "//user:secret@")
    assert "secret" not in str(down(Watcher(MlflowSettings(tracking_uri=uri))))


def test_credentials_of_the_environment_are_sent(
    remote: Store, proxy: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "user")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    remote.watch(tracking_uri=proxy.uri).poll(START)
    assert {request.authorization for request in proxy.requests} == {"Basic dXNlcjpzZWNyZXQ="}


def test_the_default_retries_of_mlflow_do_not_apply(proxy: FaultyServer) -> None:
    proxy.fault = status(503)
    down(Watcher(MlflowSettings(tracking_uri=proxy.uri)))
    assert len(proxy.requests) == 1, "the version, once"
