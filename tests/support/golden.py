"""Texts that are kept as files, so that a change of wording is seen as one."""

from __future__ import annotations

import os
from pathlib import Path


def assert_golden(path: Path, text: str) -> None:
    """Compare `text` with the file; `UPDATE_GOLDEN=1` writes the file instead, to be looked at."""
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"UPDATE_GOLDEN=1 rewrites {path.name}"
