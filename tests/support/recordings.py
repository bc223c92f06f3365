"""Recorded fine-tuning runs by name, from the test data and from the demonstration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (_ROOT / "tests" / "recordings", _ROOT / "exporter" / "demo" / "recordings")

Recording = dict[str, Any]
"""One run: `metrics[name]` is a list of `[step, time in ms, value]`, NaN as the text "NaN"."""


def recording(name: str) -> Recording:
    """Return the recording of this name; raises KeyError naming those that there are."""
    found: Recording = json.loads(recording_path(name).read_text(encoding="utf-8"))
    return found


def recording_path(name: str) -> Path:
    """Return the file of this recording; raises KeyError naming those that there are."""
    paths = (folder / f"{name}.json" for folder in FOLDERS)
    found = next((path for path in paths if path.is_file()), None)
    if found is None:
        raise KeyError(f"no recording {name!r} among {', '.join(recording_names())}")
    return found


def recording_names() -> list[str]:
    """Return the names of all recordings in alphabetical order."""
    return sorted(path.stem for folder in FOLDERS for path in folder.glob("*.json"))
