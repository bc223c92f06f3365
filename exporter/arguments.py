"""The flags of those commands that have many, and how their values are read."""

from __future__ import annotations

import argparse
from pathlib import Path

from exporter.options import FLAGS, add_flags

SIMULATION = ("simulate", "simulate_profile")
"""The options of `run` that `gpu-capture` takes too."""


def add_runs_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser the flags of `tunewatch runs`."""
    parser.add_argument("--config.file", dest="config_file", type=Path, metavar="FILE")
    parser.add_argument(
        "--experiment",
        action="append",
        default=[],
        metavar="GLOB",
        help="runs of these experiments (default: those of the configuration)",
    )
    parser.add_argument("--best", type=_count, metavar="N", help="the N lowest validation losses")
    parser.add_argument(
        "--limit", type=_count, default=20, metavar="N", help="at most (default: 20)"
    )
    parser.add_argument(
        "--since",
        type=_duration,
        default="7d",
        metavar="DURATION",
        help="also runs that ended so long ago (default: 7d)",
    )
    parser.add_argument("--no-alerts", dest="judged", action="store_false", help="much faster")
    parser.add_argument("--output", choices=("table", "json"), default="table")


def add_capture_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser the flags of `tunewatch gpu-capture`."""
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="where to write it (default: the console)"
    )
    add_flags(parser, tuple(flag for flag in FLAGS if flag.field in SIMULATION))


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: should be a whole number from 1 on")
    return int(text)


def _duration(text: str) -> float:
    from alerts.values import parse_duration  # noqa: PLC0415 - pydantic is heavy

    try:
        return float(str(parse_duration(text)))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error
