"""Whatever the kubelet's socket does, there is one message that names the remedy."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sources import SourceDown
from exporter.sources.pods.call import NotGrpc, Refused, _Exchange
from exporter.sources.pods.protobuf import Malformed
from exporter.sources.pods.resources import LIST, assignments
from tests.exporter.pods.conftest import MakeSource
from tests.support.kubelet import Container, Kubelet, Pod, serving
from tests.support.nobody import as_nobody

NOW = 1_760_000_000.0
SHORT = 0.3

Behaviour = Callable[[socket.socket], None]


@contextmanager
def listening(path: Path, behave: Behaviour) -> Iterator[None]:
    """Let `behave` do as it likes with every connection at `path`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    behave(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def problem_of(make_source: MakeSource, timeout: float = 20.0) -> SourceDown:
    with pytest.raises(SourceDown) as caught:
        make_source(timeout=timeout).collect(NOW)
    return caught.value


def test_no_socket(make_source: MakeSource, socket_path: Path) -> None:
    down = problem_of(make_source)
    assert down.problem == f"the kubelet's socket {socket_path} does not exist"
    assert "mount the host's directory" in down.remedy


def test_a_socket_that_nobody_listens_at(make_source: MakeSource, socket_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left_behind:
        left_behind.bind(str(socket_path))
    assert "the kubelet is down or restarts" in problem_of(make_source).problem


@pytest.mark.usefixtures("kubelet")
def test_a_socket_that_is_not_ours_to_open(make_source: MakeSource, socket_path: Path) -> None:
    socket_path.chmod(0o600 if os.geteuid() == 0 else 0)

    def act() -> None:
        down = problem_of(make_source)
        assert down.problem == f"the kubelet's socket {socket_path} may not be opened"
        assert "user 0" in down.remedy

    as_nobody(act)


def test_a_path_too_long_for_a_socket(make_source: MakeSource, tmp_path: Path) -> None:
    source = make_source()
    source._socket = tmp_path / ("x" * 200)
    with pytest.raises(SourceDown, match="cannot be asked"):
        source.collect(NOW)


def test_a_kubelet_that_hangs(kubelet: Kubelet, make_source: MakeSource) -> None:
    kubelet.go_on.clear()
    began = time.monotonic()
    assert "does not answer" in problem_of(make_source, SHORT).problem
    assert time.monotonic() - began < 10
    kubelet.go_on.set()
    assert make_source().collect(NOW).uses == ()


def test_a_kubelet_that_drips(make_source: MakeSource, socket_path: Path) -> None:
    """Each byte comes in time, the answer never does."""

    def drip(connection: socket.socket) -> None:
        settings = b"\0\0\0\4\0\0\0\0\0"
        try:
            while True:
                for byte in settings:
                    connection.sendall(bytes([byte]))
                    time.sleep(SHORT / 20)
        except OSError:
            return

    with listening(socket_path, drip):
        assert "does not answer" in problem_of(make_source, SHORT).problem


@pytest.mark.parametrize(
    ("status", "text", "problem"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "rejected by\nrate limit", "rejected by rate limit"),
        (grpc.StatusCode.INTERNAL, "ünwell", "status 13: ünwell"),
        (grpc.StatusCode.UNAVAILABLE, "", "status 14"),
    ],
)
def test_a_kubelet_that_refuses(
    status: grpc.StatusCode, text: str, problem: str, kubelet: Kubelet, make_source: MakeSource
) -> None:
    kubelet.refusal = (status, text)
    down = problem_of(make_source)
    assert problem in down.problem
    assert "\n" not in str(down)


def test_a_kubelet_without_this_api(make_source: MakeSource, socket_path: Path) -> None:
    with serving(Kubelet(), socket_path, service="v1alpha1.PodResourcesLister"):
        down = problem_of(make_source)
    assert "does not tell who holds which device" in down.problem
    assert "Kubernetes 1.20" in down.remedy


def test_a_kubelet_that_answers_nonsense(kubelet: Kubelet, make_source: MakeSource) -> None:
    kubelet.answer = b"\x0a\xff\xff\xff\xff\x0f"
    assert "does not answer as a kubelet" in problem_of(make_source).problem


def answering(data: bytes) -> Behaviour:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)

    return answer


@pytest.mark.parametrize(
    "data",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(range(256)) * 10, b"\0\0\0\4\0\0\0\0\0"],
    ids=["nothing", "http/1", "garbage", "broken off"],
)
def test_what_listens_is_no_kubelet(
    data: bytes, make_source: MakeSource, socket_path: Path
) -> None:
    with listening(socket_path, answering(data)):
        assert "does not answer as a kubelet" in problem_of(make_source).problem


def test_an_answer_without_end_is_given_up(
    kubelet: Kubelet, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.sources.pods.call.ANSWER_LIMIT", 100_000)
    kubelet.pods = [Pod("ns", "pod", [Container("c", {"rdma/hca": ["x" * 100] * 2000})])]
    assert "the answer is longer than 100000 bytes" in problem_of(make_source).problem


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=5))
def test_no_bytes_raise_anything_else(chunks: list[bytes]) -> None:
    exchange = _Exchange(LIST, b"", 1.0)
    try:
        for chunk in chunks:
            exchange.receive(chunk)
            exchange.to_send()
    except NotGrpc:
        return
    assert not exchange.ended


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return all that a real server sends for one call."""
    kubelet, path = Kubelet(), tmp_path_factory.mktemp("k") / "kubelet.sock"
    kubelet.pods = [Pod("ml", "train-0", [Container("c", {"nvidia.com/gpu": ["GPU-a"]})])]
    received = bytearray()
    with serving(kubelet, path), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(path))
        exchange = _Exchange(LIST, b"", 20.0)
        while not exchange.ended:
            connection.sendall(exchange.to_send())
            data = connection.recv(65536)
            exchange.receive(data)
            received += data
    return bytes(received)


@given(st.data())
def test_an_answer_that_was_damaged_raises_nothing_else(
    recorded: bytes, data: st.DataObject
) -> None:
    places = data.draw(st.lists(st.integers(0, len(recorded) - 1), max_size=4))
    damaged = bytearray(recorded)
    for place in places:
        damaged[place] = data.draw(st.integers(0, 255))
    exchange = _Exchange(LIST, b"", 1.0)
    try:
        exchange.receive(bytes(damaged))
        if exchange.ended:
            found = list(assignments(exchange.message()))
    except (NotGrpc, Refused, Malformed):
        return
    assert damaged != recorded or [one.names for one in found] == [("GPU-a",)]
