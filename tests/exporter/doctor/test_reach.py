"""Asking a tracking server whether it is there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from exporter.config import DEFAULT_CONFIG
from exporter.demo.loopback import free_port
from exporter.doctor import Examination, Finding, examine
from tests.support.doctoring import job, training


class Server(ThreadingHTTPServer):
    """A server that answers with one status, and keeps what it was asked."""

    status = 200
    asked: list[tuple[str, str | None]]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"OK")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(status: int) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.status, server.asked = status, []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def reached(folder: Path, uri: str, text: str | None = None) -> list[Finding]:
    file = folder / "train.yaml"
    file.write_text(text or training())
    found = examine([str(file)], Examination(DEFAULT_CONFIG, {"MLFLOW_TRACKING_URI": uri}))
    return [one for one in found if one.check == "mlflow-reachable"]


@pytest.mark.parametrize("status", [200, 401, 404])
def test_a_server_that_answers_is_there(tmp_path: Path, status: int) -> None:
    with serving(status) as server:
        uri = f"http://user:secret@127.0.0.1:{server.server_port}/mlflow/"
        assert reached(tmp_path, uri) == []
        assert server.asked == [("/mlflow/health", None)]


def test_a_server_in_trouble_is_told(tmp_path: Path) -> None:
    with serving(503) as server:
        (finding,) = reached(tmp_path, f"http://127.0.0.1:{server.server_port}")
    assert "warning: MLflow at 127.0.0.1 answers 503: start it, correct the address" in str(finding)


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    (finding,) = reached(tmp_path, f"http://127.0.0.1:{free_port(None, usual=0)}")
    assert "MLflow at 127.0.0.1 does not answer (Connection refused)" in str(finding)


@pytest.mark.parametrize("name", ["mlflow", "mlflow.ml.svc", "mlflow.ml.svc.cluster.local"])
def test_a_name_of_the_cluster_is_no_reason_to_worry(tmp_path: Path, name: str) -> None:
    (finding,) = reached(tmp_path, f"http://{name}:5000")
    assert f"note: the name {name} is known only inside the cluster" in str(finding)


@pytest.mark.parametrize(
    "uri", ["", "mlruns", "sqlite:///x.db", "databricks", "http://", "http://[x", "http://h:port"]
)
def test_what_is_no_server_is_not_asked(tmp_path: Path, uri: str) -> None:
    assert reached(tmp_path, uri) == []


def test_the_manifest_names_the_server_and_not_the_environment(tmp_path: Path) -> None:
    env = "          env:\n"
    dead = f"http://127.0.0.2:{free_port(None, usual=0)}"
    entry = f'            - {{name: MLFLOW_TRACKING_URI, value: "{dead}"}}\n'
    with serving(200) as server:
        (finding,) = reached(
            tmp_path, f"http://127.0.0.1:{server.server_port}", job((env, env + entry))
        )
        assert server.asked == []
    assert "MLflow at 127.0.0.2 does not answer" in str(finding)
    # One that is kept in a Secret is asked by nobody.
    assert reached(tmp_path, dead, job()) == []
