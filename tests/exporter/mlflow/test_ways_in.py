"""A server is reached through TLS, tokens and prefixes; what bars the way is told with a remedy."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.sources import SourceDown
from tests.support.certificates import Authority
from tests.support.mlflow_faults import FaultyServer, Guard, faulty
from tests.support.mlflow_runs import Trainer
from tests.support.mlflow_server import MlflowServer
from tests.support.mlflow_store import START, Store
from tests.support.mlflow_watcher import Watcher

TRUST = "MLFLOW_TRACKING_SERVER_CERT_PATH"
TOKEN = "MLFLOW_TRACKING_TOKEN"  # noqa: S105 - the name of a variable
OLD, NEW = Guard(token="the-old-one"), Guard(token="the-new-one")  # noqa: S106 - of a test


class Secured:
    """A run behind a proxy with TLS whose certificate can be replaced."""

    def __init__(self, folder: Path, store: Store, proxy: FaultyServer) -> None:
        self.proxy = proxy
        self.authority = Authority(folder, "company")
        self.other = Authority(folder, "stranger")
        assert proxy.guard.tls is not None
        self.tls: ssl.SSLContext = proxy.guard.tls
        self.authority.certify(self.tls)
        self.run: Trainer = store.begin()
        self.watcher: Watcher = store.watch(tracking_uri=proxy.uri)


@pytest.fixture
def secured(
    tmp_path: Path, remote: Store, server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Secured]:
    """A server with a certificate of a private authority, which we are told to trust."""
    with faulty(server.port, Guard(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))) as proxy:
        found = Secured(tmp_path, remote, proxy)
        monkeypatch.setenv(TRUST, str(found.authority.file))
        yield found


def down(watcher: Watcher, now: float = START) -> SourceDown:
    with pytest.raises(SourceDown) as caught:
        watcher.poll(now)
    assert "\n" not in str(caught.value)
    return caught.value


def steps(watcher: Watcher) -> list[int]:
    return [point.step for update in watcher.updates for point in update.points]


def test_a_private_authority_is_trusted_by_its_file(secured: Secured) -> None:
    secured.run.log(1, START * 1000, loss=1.0)
    secured.watcher.poll(START)
    assert steps(secured.watcher) == [1]


def test_an_unknown_authority_is_told_with_the_remedy(
    secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TRUST)
    told = down(secured.watcher)
    assert f"the certificate of {secured.proxy.uri} is not trusted" in told.problem
    assert TRUST in told.remedy


def test_a_missing_file_of_authorities_is_told(
    secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRUST, "/nowhere/ca.pem")
    told = down(secured.watcher)
    assert "file of trusted certificates is missing" in told.problem
    assert TRUST in told.remedy


def test_a_certificate_that_changed_is_told_and_nothing_is_lost(
    secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    secured.run.log(1, START * 1000, loss=1.0)
    secured.watcher.poll(START)
    secured.other.certify(secured.tls)
    secured.proxy.hang_up()
    secured.run.log(2, (START + 5) * 1000, loss=2.0)
    told = down(secured.watcher, START + 15)
    assert "not trusted" in told.problem
    assert "if it was replaced, find out by whom" in told.remedy
    monkeypatch.setenv(TRUST, str(secured.other.file))
    secured.watcher.poll(START + 30)
    assert steps(secured.watcher) == [1, 2]


def test_an_expired_certificate_is_told_as_such(secured: Secured) -> None:
    secured.authority.certify(secured.tls, days=-1)
    told = down(secured.watcher)
    assert "has expired" in told.problem
    assert told.remedy == "renew the certificate of the MLflow server"


def test_a_certificate_of_another_host_is_told_as_such(secured: Secured) -> None:
    secured.authority.certify(secured.tls, address="127.0.0.2")
    told = down(secured.watcher)
    assert "mismatch" in told.problem
    assert "MLFLOW_TRACKING_URI" in told.remedy


def test_tls_where_there_is_none(server: MlflowServer, remote: Store) -> None:
    told = down(remote.watch(tracking_uri=f"https://127.0.0.1:{server.port}"))
    assert told.problem == f"https://127.0.0.1:{server.port} does not speak TLS"
    assert "http://" in told.remedy


def test_no_tls_where_there_is_some(secured: Secured, remote: Store) -> None:
    told = down(remote.watch(tracking_uri=secured.proxy.uri.replace("https", "http")))
    assert "broke off" in told.problem


def test_a_token_is_shown_and_when_it_is_renewed_nothing_is_lost(
    server: MlflowServer, remote: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = remote.begin()
    with faulty(server.port, OLD) as proxy:
        watcher = remote.watch(tracking_uri=proxy.uri)
        told = down(watcher)
        assert "refuses our credentials (401)" in told.problem
        assert TOKEN in told.remedy
        monkeypatch.setenv(TOKEN, OLD.token)
        run.log(1, START * 1000, loss=1.0)
        watcher.poll(START + 15)
        proxy.guard = NEW
        run.log(2, (START + 20) * 1000, loss=2.0)
        told = down(watcher, START + 30)
        assert "set or renew" in told.remedy
        assert "-one" not in str(told)
        monkeypatch.setenv(TOKEN, NEW.token)
        watcher.poll(START + 45)
    assert steps(watcher) == [1, 2]


def test_a_prefix_that_a_proxy_takes_off(server: MlflowServer, remote: Store) -> None:
    run = remote.begin()
    run.log(1, START * 1000, loss=1.0)
    with faulty(server.port, Guard(prefix="/ml/flow")) as proxy:
        watcher = remote.watch(tracking_uri=proxy.uri + "/")
        [update] = watcher.poll(START)
        assert update.facts.url.startswith(f"{proxy.uri}/#/experiments/")
        told = down(remote.watch(tracking_uri=proxy.uri.removesuffix("/ml/flow")))
        assert "no MLflow REST API at this path (404)" in told.problem
    assert steps(watcher) == [1]
