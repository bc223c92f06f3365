"""A URL is called each minute while all is well, and nothing of it shows anywhere."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from alerts.notify.heartbeat import Heartbeat
from alerts.notify.settings import ChannelError, Secret, heartbeat_url
from tests.support.notices import NOW

PATH = "/ping/s3cr3t-0f3c9a7b-uuid?rid=qu3ry-s3cr3t"
FINE: list[str] = []


class Listener(ThreadingHTTPServer):
    """Answers every call with `status`, or not at all with none; remembers methods and paths."""

    daemon_threads = True
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[str] = []
        self.released = threading.Event()

    def url(self, path: str = PATH) -> Secret:
        return Secret(f"http://127.0.0.1:{self.server_port}{path}")


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_GET(self) -> None:
        self.server.calls.append(f"{self.command} {self.path}")
        if not self.server.status:
            self.server.released.wait(10)
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.released.set()
        server.shutdown()


def test_it_is_called_each_minute(listener: Listener) -> None:
    heartbeat = Heartbeat(listener.url(), lambda: FINE)
    assert heartbeat.outcomes() == {"delivered": 0, "failed": 0, "withheld": 0}
    assert [heartbeat.tick(NOW), heartbeat.tick(NOW + 60)] == [60, 60]
    assert listener.calls == [f"GET {PATH}"] * 2
    assert heartbeat.outcomes() == {"delivered": 2, "failed": 0, "withheld": 0}


def test_a_process_that_is_not_well_keeps_silent(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    problems: list[str] = ["worker alerts is 400 s late"]
    heartbeat = Heartbeat(listener.url(), lambda: problems)
    for _ in range(3):
        assert heartbeat.tick(NOW) == 60
    assert listener.calls == []
    problems.clear()
    heartbeat.tick(NOW)
    assert len(listener.calls) == 1
    assert heartbeat.outcomes() == {"delivered": 1, "failed": 0, "withheld": 3}
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@pytest.mark.parametrize(
    ("status", "said"), [(404, "HTTP status 404"), (500, "HTTP status 500"), (0, "timed out")]
)
def test_a_failure_is_said_once_and_counted_each_time(
    listener: Listener, status: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    listener.status = status
    heartbeat = Heartbeat(listener.url(), lambda: FINE, patience=0.1)
    for _ in range(3):
        assert heartbeat.tick(NOW) == 60
    assert heartbeat.outcomes()["failed"] == 3
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == f"the heartbeat is not heard: {said}; tried again each minute"
    listener.status = 200
    heartbeat.tick(NOW)
    assert caplog.messages[-1] == "the heartbeat is heard again"
    assert "s3cr3t" not in caplog.text


def _unused_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/s3cr3t-path",
        "https://127.0.0.1:{port}/s3cr3t-path",
        "http://us3r-s3cr3t:p4ss-s3cr3t@127.0.0.1:{port}/",
        "http://127.0.0.1:s3cr3t-port/",
        "http://127.0.0.1:{port}/s3cr3t path",
        "http://127.0.0.1:{port}/s3cr3t-ö",
        "http://[::s3cr3t/",
        "http://s3cr3t-host.invalid/",
        "http://s3cr3t\x00.invalid/",
    ],
)
def test_nothing_that_goes_wrong_shows_the_url(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    heartbeat = Heartbeat(Secret(url.format(port=_unused_port())), lambda: FINE, patience=0.5)
    assert heartbeat.tick(NOW) == 60
    assert heartbeat.outcomes()["failed"] == 1
    assert len(caplog.messages) == 1
    assert "s3cr3t" not in caplog.text
    assert "s3cr3t" not in repr(heartbeat)


def test_where_the_url_comes_from() -> None:
    assert heartbeat_url(None, None, {}) is None
    assert heartbeat_url("BEAT", None, {"BEAT": " https://hc.example/x \n"}) == Secret(
        "https://hc.example/x"
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "notify.heartbeat_url_file: cannot read"),
        ("", "must hold one URL on one line"),
        ("https://a/s3cr3t\nhttps://b/s3cr3t", "must hold one URL on one line"),
        ("ftp://a/s3cr3t", "is no web address"),
        ("s3cr3t-token", "is no web address"),
        ("https://", "is no web address"),
        ("https://[::s3cr3t/", "is no web address"),
        ("https://a:s3cr3t-port/", "is no web address"),
        ("https://a/s3cr3t-ö", "is no web address"),
    ],
)
def test_a_url_that_cannot_be_used_is_said_without_it(
    content: str | None, problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "url"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ChannelError, match=problem) as error:
        heartbeat_url(None, str(file), {})
    assert "s3cr3t" not in str(error.value)


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(ChannelError, match="heartbeat_url_env: the environment variable BEAT"):
        heartbeat_url("BEAT", None, {})
