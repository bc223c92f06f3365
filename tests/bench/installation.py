"""The daemon as users install it: the wheel and its locked dependencies, nothing of ours beside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.project import ROOT


def install(folder: Path) -> Path:
    """Install the project into a new environment in `folder`; return its Python.

    The development environment has the whole of mlflow, whose import takes 90 MiB more than that of
    the light distribution which a daemon needs. Takes a minute where nothing is in uv's cache.
    """
    _run("build", "--wheel", "--no-isolation", "--outdir", folder / "dist", ROOT)
    (wheel,) = (folder / "dist").glob("*.whl")
    environment = folder / "installed"
    python = environment / "bin" / "python"
    _run("uv", "venv", "--python", sys.executable, environment)
    lock = ("--require-hashes", "-r", ROOT / "requirements.txt")
    for what in (lock, ("--no-deps", wheel)):
        _run("uv", "pip", "install", "--compile-bytecode", "--python", python, *what)
    return python


def _run(module: str, *arguments: str | Path) -> None:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{module} failed:\n{done.stdout}{done.stderr}")
