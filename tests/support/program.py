"""The real program as a child process, whose log is read while it runs."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from exporter.server import Address

CONSOLE = "console"
PATIENCE = 30.0
"""Seconds for what takes a fraction of one on a machine that is not busy."""


def environment(home: Path, **changes: str) -> dict[str, str]:
    """Return our environment without what people set for the real thing, under another home."""
    ours = ("TUNEWATCH_", "MLFLOW_", "STATE_DIRECTORY", "XDG_", "NODE_NAME")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return {**kept, "HOME": str(home), **changes}


def tunewatch(
    *arguments: str, cwd: Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "exporter", *arguments],
        cwd=cwd,
        env=environ or environment(cwd),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something that another process does has happened."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


class Daemon:
    """A running `tunewatch run`; `lines` are what it has logged so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._news: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._news.put(line.rstrip("\n"))
        self._news.put(None)

    def until(self, pattern: str) -> re.Match[str]:
        """Read the log on until a line has the pattern; lines read before are not looked at."""
        deadline = time.monotonic() + PATIENCE
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                line = self._news.get(timeout=left)
                if line is None:
                    break
                self.lines.append(line)
                if found := re.search(pattern, line):
                    return found
        log = "\n".join(self.lines)
        raise AssertionError(f"no line like {pattern!r} in:\n{log}")

    def address(self) -> Address:
        """Wait until it serves, and return where."""
        return Address.parse(self.until(r"serves http://(\S+)/metrics")[1])

    def end(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Send a signal and return the seconds that the end took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(PATIENCE)
        return time.monotonic() - begun


@contextlib.contextmanager
def daemon(
    *arguments: str, cwd: Path, environ: Mapping[str, str] | None = None, run: Sequence[str] = ()
) -> Iterator[Daemon]:
    """Start the daemon on a free loopback port; whatever happens, it is gone after the block.

    What it prints is appended to the file `console` in `cwd`.
    """
    program = run or ("-m", "exporter")
    listen = "--web.listen-address=127.0.0.1:0"
    with (cwd / CONSOLE).open("a") as console:
        process = subprocess.Popen(
            [sys.executable, *program, "run", listen, *arguments],
            cwd=cwd,
            env=environ or environment(cwd),
            stdout=console,
            stderr=subprocess.PIPE,
            text=True,
        )
    started = Daemon(process)
    try:
        yield started
    finally:
        process.kill()
        process.wait(PATIENCE)
