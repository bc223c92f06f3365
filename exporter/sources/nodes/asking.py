"""One question to many addresses at once, each with a time limit of its own."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterable
from typing import NamedTuple

PATH = "/api/v1/node"
TIMEOUT_SECONDS = 2.0
AT_ONCE = 64
MAX_BYTES = 1024 * 1024
_LENGTH = re.compile(r"^content-length:[ \t]*(\d{1,9})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class Peer(NamedTuple):
    """Where a node process listens: an IP address and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write the address as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Answer(NamedTuple):
    """What came back: the body of a good answer, else why there is none."""

    body: bytes = b""
    problem: str = ""


def ask(peers: Iterable[Peer], timeout: float = TIMEOUT_SECONDS) -> dict[Peer, Answer]:
    """Ask every peer for its report; each has `timeout` seconds from connecting to the last byte.

    At most 64 are asked at a time, so many peers that hang cost their number / 64 timeouts.
    """
    return asyncio.run(_ask_all(tuple(peers), timeout))


async def _ask_all(peers: tuple[Peer, ...], timeout: float) -> dict[Peer, Answer]:  # noqa: ASYNC109 - of each peer, not of this call
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(peer: Peer) -> Answer:
        async with gate:
            return await _guarded(peer, timeout)

    return dict(zip(peers, await asyncio.gather(*map(one, peers)), strict=True))


async def _guarded(peer: Peer, timeout: float) -> Answer:  # noqa: ASYNC109 - as above
    try:
        async with asyncio.timeout(timeout):
            return _read(await _exchange(peer))
    except TimeoutError:
        return Answer(problem=f"no answer within {timeout:g} s")
    except OSError as error:
        # asyncio's own words repeat the address instead of saying what is wrong.
        return Answer(problem=os.strerror(error.errno) if error.errno else type(error).__name__)


async def _exchange(peer: Peer) -> bytes:
    """Send the question and return all that comes until the other side hangs up.

    HTTP/1.0, so that an answer comes in one piece and the connection ends with it.
    """
    reader, writer = await asyncio.open_connection(peer.host, peer.port)
    try:
        writer.write(
            f"GET {PATH} HTTP/1.0\r\nHost: {peer}\r\nAccept: application/json\r\n\r\n".encode()
        )
        await writer.drain()
        received = bytearray()
        while len(received) <= MAX_BYTES and (piece := await reader.read(65536)):
            received += piece
        return bytes(received)
    finally:
        # A peer that does not take its bytes must not keep us: nothing is worth waiting for.
        writer.transport.abort()


def _read(received: bytes) -> Answer:
    if len(received) > MAX_BYTES:
        return Answer(problem=f"an answer of more than {MAX_BYTES} bytes")
    head, end, body = received.partition(b"\r\n\r\n")
    status, _, headers = head.decode("latin-1").partition("\r\n")
    protocol, _, rest = status.partition(" ")
    if not end or not protocol.startswith("HTTP/"):
        return Answer(problem="an answer that is not HTTP")
    if not rest.startswith("200"):
        return Answer(problem=f"HTTP {rest[:40]}")
    length = _LENGTH.search(headers)
    if length is None or int(length[1]) != len(body):
        return Answer(problem="an answer that was cut short")
    return Answer(body)
