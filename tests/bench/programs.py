"""A program under measurement: started with compiled bytecode, watched from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.demo.child import own_environment
from exporter.demo.loopback import HOST, answers, free_port
from tests.support.processor import seconds_used
from tests.support.project import ROOT

START_SECONDS = 180.0
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Command:
    """`python -m module arguments…`; a hashable value.

    In the arguments `{port}` stands for a free port and `{scratch}` for an empty folder. `ready` is
    the path that is answered with success once the program works.
    """

    module: str
    arguments: tuple[str, ...] = ()
    ready: str = "/metrics"
    python: Path | None = None
    """The interpreter of another environment, which has the module installed."""


@dataclass(frozen=True, slots=True)
class Program:
    """A running program that serves HTTP at a loopback port."""

    pid: int
    port: int

    def resident(self) -> float:
        """Return the resident memory in MiB (VmRSS), which counts files that others share."""
        return self._memory("VmRSS")

    def peak(self) -> float:
        """Return the highest resident memory so far in MiB (VmHWM)."""
        return self._memory("VmHWM")

    def cpu(self) -> float:
        """Return the processor seconds used so far, also by threads that have ended."""
        return seconds_used(self.pid)

    def _memory(self, name: str) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        kib = next(line.split()[1] for line in status.splitlines() if line.startswith(f"{name}:"))
        return int(kib) / 1024


@dataclass(frozen=True, slots=True)
class Bench:
    """A folder for one benchmark: bytecode, logs and whatever the programs keep.

    A process that compiles what it imports keeps the compiler's memory (12 MiB for pynvml alone),
    and installations compile. So each command runs once unmeasured, with bytecode of its own.
    """

    folder: Path
    _compiled: set[Command] = field(default_factory=set)

    @contextlib.contextmanager
    def running(
        self, command: Command, settings: Mapping[str, str] | None = None
    ) -> Iterator[Program]:
        """Run a command for the length of the block; `settings` are environment variables.

        Raises RuntimeError with the program's last words when it does not start.
        """
        environment = {**self._environment(), **(settings or {})}
        if command not in self._compiled:
            with self._started(command, environment):
                self._compiled.add(command)
        with self._started(command, environment) as program:
            yield program

    def output(self, module: str, *arguments: str) -> str:
        """Run a module to its end, the second time with bytecode, and return what it prints."""
        program = [sys.executable, "-m", module, *arguments]
        for _ in range(2):
            done = subprocess.run(
                program, cwd=ROOT, env=self._environment(), capture_output=True, check=True
            )
        return done.stdout.decode()

    def _environment(self) -> dict[str, str]:
        return {
            **own_environment(os.environ),
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
        }

    @contextlib.contextmanager
    def _started(self, command: Command, environment: Mapping[str, str]) -> Iterator[Program]:
        port = free_port(None, usual=0)
        if port is None:
            raise RuntimeError("no port is free on the loopback interface")
        scratch = Path(tempfile.mkdtemp(dir=self.folder))
        arguments = [a.format(port=port, scratch=scratch) for a in command.arguments]
        log = scratch / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [command.python or sys.executable, "-m", command.module, *arguments],
                cwd=scratch if command.python else ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            _wait_for(process, port, command.ready, log)
            yield Program(process.pid, port)
        finally:
            _end(process)


@contextlib.contextmanager
def bench() -> Iterator[Bench]:
    """Return a bench in a folder of its own, which is gone afterwards, as all programs are."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    with tempfile.TemporaryDirectory(prefix="tunewatch-bench-") as folder:
        yield Bench(Path(folder))


def without_settings() -> None:
    """Take MLflow's own variables away from this process too: they may lead to a real server."""
    kept = own_environment(os.environ)
    os.environ.clear()
    os.environ.update(kept)


def tunewatch(*flags: str, python: Path | None = None) -> Command:
    """Return the command of a daemon with these flags, installed or from the source tree."""
    address = ("--web.listen-address", f"{HOST}:{{port}}")
    state = ("--state.file", "{scratch}/state.json")
    arguments = ("run", *address, *state, "--log.level", "error", *flags)
    return Command("exporter", arguments, "/-/ready", python)


def _wait_for(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers(port, path):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the program does not start: {log.read_text(errors='replace')}")
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
