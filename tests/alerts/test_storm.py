"""Killed again and again in a storm of alerts, the daemon loses nothing and repeats little."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.project import ROOT
from tests.support.storm import CHANNELS, News, expected

log = logging.getLogger("tests.storm")

LONGEST_LIFE = 1.0
"""Seconds for which a process may live that has little to say."""


class Arrival(NamedTuple):
    """One message that a webhook got; `at` is the monotonic clock that all processes share."""

    at: float
    channel: str
    news: tuple[News, ...]


class Webhooks(ThreadingHTTPServer):
    """Accepts every message; from time to time it answers that it did not."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, refusals: random.Random) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refusals = refusals
        self.arrivals: list[Arrival] = []
        self.lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    server: Webhooks

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            return  # its sender was killed
        content = json.loads(body)
        with self.server.lock:
            refused = self.server.refusals.random() < 0.02
            if not refused:
                arrival = Arrival(time.monotonic(), self.path[1:], tuple(_news(content["rows"])))
                self.server.arrivals.append(arrival)
        self.send_response(500 if refused else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""


def _news(rows: list[tuple[str, str, int, str]]) -> Iterator[News]:
    for rule, run, episode, kind in rows:
        if kind != "resolved":
            yield News(rule, run, episode, "fired")
        if kind in ("resolved", "fired_and_resolved"):
            yield News(rule, run, episode, "resolved")


class Kill(NamedTuple):
    """One death: what was sent after `stored` was on no disk."""

    stored: float
    at: float


class Storm:
    """The nursery of processes, and when each of them was killed."""

    def __init__(self, process: subprocess.Popen[str], arrivals: Sequence[Arrival]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout
        self._arrivals = arrivals
        self._stored = 0.0
        self.kills: list[Kill] = []

    def kill_after(self, messages: int, seconds: float) -> None:
        """Start a process, and kill it that long after so many messages of it arrived."""
        child = self._start()
        deadline = time.monotonic() + LONGEST_LIFE
        enough = len(self._arrivals) + messages
        while len(self._arrivals) < enough and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        at = time.monotonic()
        self._read_until("dead")
        self.kills.append(Kill(self._stored, at))

    def weather(self) -> None:
        """Start a process, wait until it has told everything, and end it."""
        child = self._start()
        self._read_until("over")
        os.kill(child, signal.SIGKILL)
        self._read_until("dead")

    def _start(self) -> int:
        self._stdin.write("go\n")
        self._stdin.flush()
        child = 0
        for line in iter(self._stdout.readline, ""):
            word, _, argument = line.strip().partition(" ")
            child = int(argument) if word == "born" else child
            self._note(word, argument)
            if word == "ready":
                break
        return child

    def _read_until(self, last: str) -> None:
        for line in iter(self._stdout.readline, ""):
            word, _, argument = line.strip().partition(" ")
            self._note(word, argument)
            if word == last:
                return
        raise AssertionError(f"the storm ended before it was {last}")

    def _note(self, word: str, argument: str) -> None:
        if word == "stored":
            self._stored = float(argument)


@contextmanager
def storm(state: Path, server: Webhooks, cycles: int) -> Iterator[Storm]:
    port = str(server.server_port)
    command = [sys.executable, "-m", "tests.support.storm", str(state), port, str(cycles)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        try:
            yield Storm(process, server.arrivals)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def at_risk(arrivals: list[Arrival], kills: list[Kill]) -> int:
    """Return how many news may have been repeated because of the kills.

    That is what arrived after the last save, and what each channel had under way at that save.
    """
    count = 0
    for kill in kills:
        for channel in CHANNELS:
            until = [a for a in arrivals if a.channel == channel and a.at <= kill.at + 0.05]
            after = [a for a in until if a.at > kill.stored]
            before = [a for a in until if a.at <= kill.stored][-1:]
            count += sum(len(arrival.news) for arrival in (*before, *after))
    return count


@pytest.mark.parametrize(
    ("kills", "cycles"),
    [
        pytest.param(10, 3, id="10"),
        pytest.param(100, 32, id="100", marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
)
def test_no_kill_loses_a_transition(
    tmp_path: Path, kills: int, cycles: int, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(20)  # noqa: S311 - a fixed seed, so that a failure can be had again
    happened = expected(cycles)
    with Webhooks(random.Random(7)) as server:  # noqa: S311 - as above
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        with storm(tmp_path / "state.json", server, cycles) as running:
            for _ in range(kills):
                running.kill_after(chance.randint(0, 6), chance.uniform(0, 0.02))
            running.weather()
        server.shutdown()
    told = Counter(
        chain.from_iterable(((a.channel, news) for news in a.news) for a in server.arrivals)
    )
    repeated = told.total() - len(told)
    risk = at_risk(server.arrivals, running.kills)
    last = running.kills[-1].at
    late = sum(len(arrival.news) for arrival in server.arrivals if arrival.at > last)
    figures = f"{kills} kills: {repeated} of {len(told)} repeated, {risk} were at risk"
    record_property("figures", figures)
    log.info("%s", figures)
    assert late > 0, "the storm was over before the last process was killed"
    assert set(told) == {(channel, news) for channel in CHANNELS for news in happened}
    assert repeated <= risk
