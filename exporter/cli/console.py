"""What commands say to the person before them, and the codes that they end with."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from alerts.documents import DocumentError
from exporter.options import run_options

OK, FAILED, USAGE = 0, 1, 2


def config_file(given: argparse.Namespace) -> Path | None:
    """Return the configuration that `run` would take, so that all commands speak of the same."""
    return run_options(vars(given), os.environ).config_file


def say(text: str) -> None:
    """Print a line at once, since others may be reading along."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(error: Exception, code: int) -> int:
    """Print what is wrong where complaints belong, and return the exit code."""
    # Mistakes in files begin with file and line, the form that editors jump to.
    prefix = "" if isinstance(error, DocumentError) else "tunewatch: "
    sys.stderr.write(f"{prefix}{error}\n")
    return code
