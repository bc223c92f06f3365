"""What comes of asking processes that answer well, badly, slowly or not at all."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from exporter.sources.nodes.asking import MAX_BYTES, Answer, Peer, ask

SOON = 0.3
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Speaker:
    """Says the same to everybody who connects, and hangs up or, on demand, does not."""

    def __init__(self, said: bytes, *, hangs: bool = False) -> None:
        self._said, self._hangs = said, hangs
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._kept: list[socket.socket] = []
        self.heard: list[bytes] = []
        self.peer = Peer("127.0.0.1", self._socket.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                self.heard.append(client.recv(4096))
                client.sendall(self._said)
                if self._hangs:
                    self._kept.append(client)
                else:
                    client.close()

    def close(self) -> None:
        # An accept under way keeps a socket listening that is merely closed.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for client in self._kept:
            client.close()


@contextlib.contextmanager
def speaking(said: bytes, *, hangs: bool = False) -> Iterator[Speaker]:
    speaker = Speaker(said, hangs=hangs)
    try:
        yield speaker
    finally:
        speaker.close()


def test_a_good_answer_is_its_body() -> None:
    with speaking(GOOD) as speaker:
        assert ask([speaker.peer]) == {speaker.peer: Answer(b"{}")}
    [question] = speaker.heard
    assert question.startswith(b"GET /api/v1/node HTTP/1.0\r\n")


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (b"", "an answer that is not HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "an answer that is not HTTP"),
        (b"220 mail\r\n\r\n", "an answer that is not HTTP"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "HTTP 404 Not Found"),
        (b"HTTP/1.1 503 " + b"x" * 500 + b"\r\n\r\n", "HTTP 503 " + "x" * 36),
        (GOOD[:-1], "an answer that was cut short"),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", "an answer that was cut short"),
        (GOOD[:-2] + b" " * (MAX_BYTES + 1), f"an answer of more than {MAX_BYTES} bytes"),
    ],
)
def test_a_bad_answer_is_its_reason(said: bytes, problem: str) -> None:
    with speaking(said) as speaker:
        assert ask([speaker.peer]) == {speaker.peer: Answer(problem=problem)}


@pytest.mark.parametrize("said", [b"", GOOD[:30], GOOD])
def test_a_peer_that_hangs_costs_the_timeout_alone(said: bytes) -> None:
    with speaking(said, hangs=True) as hanging, speaking(GOOD) as fine:
        answers = ask([hanging.peer, fine.peer], SOON)
    assert answers[hanging.peer] == Answer(problem="no answer within 0.3 s")
    assert answers[fine.peer] == Answer(b"{}")


def test_nobody_there() -> None:
    with speaking(GOOD) as speaker:
        peer = speaker.peer
    assert ask([peer])[peer].problem == "Connection refused"


def test_more_peers_than_are_asked_at_once() -> None:
    with speaking(GOOD) as speaker:
        peers = [Peer(f"127.0.0.{1 + number}", speaker.peer.port) for number in range(150)]
        answers = ask(peers)
    # Only the first address is listened at: the others refuse.
    assert sorted(peer for peer, answer in answers.items() if answer.body) == [speaker.peer]
    assert len(answers) == len(peers)


@pytest.mark.parametrize(
    ("peer", "text"), [(Peer("10.0.0.7", 80), "10.0.0.7:80"), (Peer("fd00::7", 80), "[fd00::7]:80")]
)
def test_an_address_is_written_as_in_a_url(peer: Peer, text: str) -> None:
    assert str(peer) == text
