"""Servers of other MLflow versions than the tests' own, each installed from a lock of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from pathlib import Path

from tests.support.project import ROOT

LOCKS = ROOT / "tests" / "servers"
OWN = "3.17"
"""The version beside which the tests themselves run."""


def interpreter(version: str) -> str:
    """Return a Python that has this MLflow; installed into .tools where that was not done yet."""
    if version == OWN:
        return sys.executable
    lock = LOCKS / f"mlflow-{version}.txt"
    home = ROOT / ".tools" / f"mlflow-{version}"
    stamp, done = home / ".installed", f"{home} {zlib.crc32(lock.read_bytes())}"
    if not stamp.is_file() or stamp.read_text() != done:
        _install(lock, home)
        stamp.write_text(done)
    return str(home / "bin" / "python")


def _install(lock: Path, home: Path) -> None:
    uv = str(Path(sys.executable).with_name("uv"))
    options = ("--quiet", "--compile-bytecode", "--require-hashes", "--requirement", str(lock))
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)],
        [uv, "pip", "install", *options],
    ):
        subprocess.run(command, check=True, env={**os.environ, "VIRTUAL_ENV": str(home)})
