"""Where the project lies and which files belong to it, told without a version control system."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = {"__pycache__", "build", "dist", "node_modules"}
"""Folders that builds and tests make."""


def project_files(*suffixes: str) -> Iterator[Path]:
    """Yield the project's own files in a stable order; all of them without `suffixes`."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if name not in MADE and is_ours(name))
        for name in sorted(files):
            if is_ours(name) and (not suffixes or name.endswith(suffixes)):
                yield Path(folder, name)


def is_ours(name: str) -> bool:
    """Tell the two dotted names that are ours from those that tools make."""
    return not name.startswith(".") or name in {".ci", ".gitignore"}


def shown(path: Path) -> str:
    """Return the path as messages show it, seen from the project's root."""
    return path.relative_to(ROOT).as_posix()
