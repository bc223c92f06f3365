"""A real PostgreSQL on loopback, in a folder of its own, for one session of tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from exporter.demo.loopback import HOST, free_port
from tests.support.project import ROOT

FETCHED = ROOT / ".tools"
OWNER = "mlflow"
PATIENCE = 60.0
SPEED = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "jit=off")
"""Nothing here has to survive a power cut; the compiler of queries is not fetched."""


class Postgres:
    """A running server; its programs refuse to be root, who therefore starts them as `nobody`."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        port = free_port(None, usual=0)
        assert port
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make an empty cluster and serve it."""
        make = ("--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8", "--username", OWNER)
        subprocess.run(
            [*self._command("initdb"), "--pgdata", str(self._folder / "data"), *make],
            check=True,
            capture_output=True,
            env=self._environment(),
            cwd=self._folder,
        )
        settings = (*SPEED, f"listen_addresses={HOST}", "unix_socket_directories=")
        with (self._folder / "postgres.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(*self._command("postgres"), "-D", str(self._folder / "data")),
                    *("-p", str(self.port), *(f"--{setting}" for setting in settings)),
                ],
                stdout=log,
                stderr=log,
                env=self._environment(),
                cwd=self._folder,
            )
        self._wait()

    def create(self, name: str) -> str:
        """Make an empty database and return its address as SQLAlchemy takes it."""
        self._say(f'CREATE DATABASE "{name}"')
        return self._uri(name)

    def stop(self) -> None:
        """End the server at once; its children follow."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(PATIENCE)

    def _uri(self, database: str) -> str:
        return f"postgresql+psycopg2://{OWNER}@{HOST}:{self.port}/{database}"

    def _say(self, statement: str) -> None:
        # A database is not made inside of a transaction.
        engine = sqlalchemy.create_engine(self._uri("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(statement))
        engine.dispose()

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._say("SELECT 1")
            except sqlalchemy.exc.OperationalError:
                assert self._process is not None
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError((self._folder / "postgres.log").read_text()) from None
                time.sleep(0.05)
            else:
                return

    def _command(self, program: str) -> list[str]:
        as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        return [*(as_nobody if os.getuid() == 0 else ()), str(self._programs / program)]

    def _environment(self) -> dict[str, str]:
        fetched = [*FETCHED.glob("usr/lib/*-linux-*"), *FETCHED.glob("lib/*-linux-*")]
        return {
            "PATH": os.environ["PATH"],
            "LD_LIBRARY_PATH": ":".join(map(str, fetched)),
            "LC_ALL": "C",
        }


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a server for the length of the block; skips the test where there is none."""
    found = [
        path.parent
        for root in (FETCHED, Path("/"))
        for path in sorted(root.glob("usr/lib/postgresql/*/bin/initdb"))
    ]
    if not found:
        pytest.skip("no PostgreSQL here")
    # Not below pytest's folder, which nobody but its owner may enter.
    folder = Path(tempfile.mkdtemp(prefix="tunewatch-postgres-"))
    if os.getuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")
    server = Postgres(found[-1], folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
