"""Photographs of pages by a real Chromium without a window."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from PIL import Image

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--force-color-profile=srgb", "--virtual-time-budget=3000"),
)
TIMEOUT = 240.0
COLORS = 256
"""Enough for a dark page, in a third of the bytes."""


def browser() -> str:
    """Return the browser, or skip the test and say what brings one."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no chromium: .ci/browser brings it")
    return found


def photograph(page: Path, picture: Path, width: int, height: int) -> None:
    """Write a PNG of a page of that size in pixels."""
    with tempfile.TemporaryDirectory(prefix="tunewatch-browser-") as profile:
        command = [
            *(browser(), *FLAGS, f"--user-data-dir={profile}", f"--screenshot={picture}"),
            *(f"--window-size={width},{height}", page.as_uri()),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert picture.is_file(), done.stderr
    with Image.open(picture) as shot:
        small = shot.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    small.save(picture, optimize=True)
