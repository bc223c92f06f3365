"""The flags of those commands that have many, and how their values are read."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from exporter.options import FLAGS, add_flags

RULE_FORMATS = ("prometheus", "prometheusrule", "alertmanager")
SIMULATION = ("simulate", "simulate_profile")
"""The options of `run` that `gpu-capture` takes too."""


def add_config_flag(parser: argparse.ArgumentParser) -> None:
    """Give a parser the flag of `tunewatch run` that names the configuration."""
    add_flags(parser, tuple(flag for flag in FLAGS if flag.field == "config_file"))


def add_check_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of `tunewatch check`."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a configuration")


def add_doctor_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser the flags of `tunewatch doctor`."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a train.yaml, manifests of Kubernetes, a folder of them, or - for the standard input",
    )
    add_config_flag(parser)
    parser.add_argument(
        "--offline", action="store_true", help="do not ask whether MLflow can be reached"
    )
    parser.add_argument("--strict", action="store_true", help="fail on warnings too")
    parser.add_argument(
        "--output",
        choices=("text", "json"),
        default="text",
        help="lines for people, or one line of JSON per finding (default: text)",
    )


def add_runs_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser the flags of `tunewatch runs`."""
    add_config_flag(parser)
    parser.add_argument(
        "--experiment",
        action="append",
        default=[],
        metavar="GLOB",
        help="runs of these experiments (default: those of the configuration)",
    )
    parser.add_argument(
        "--best", type=_count, metavar="N", help="the N runs with the lowest best validation loss"
    )
    parser.add_argument(
        "--limit", type=_count, default=20, metavar="N", help="at most so many (default: 20)"
    )
    parser.add_argument(
        "--since",
        type=_duration,
        default="7d",
        metavar="DURATION",
        help="also runs that ended no longer ago than this (default: 7d)",
    )
    parser.add_argument(
        "--no-alerts",
        dest="judged",
        action="store_false",
        help="do not judge the runs, which is much faster",
    )
    parser.add_argument(
        "--output",
        choices=("table", "json"),
        default="table",
        help="a table for people, or one line of JSON per run (default: table)",
    )


def add_replay_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser the flags of `tunewatch replay`."""
    parser.add_argument(
        "runs", nargs="+", metavar="FILE|RUN_ID", help="a recording, or a run of MLflow by its id"
    )
    add_config_flag(parser)
    parser.add_argument(
        "--output",
        choices=("text", "json"),
        default="text",
        help="a report for people, or one line of JSON per change of an alert (default: text)",
    )


def add_rules_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser the flags of `tunewatch rules`."""
    add_config_flag(parser)
    parser.add_argument(
        "--format",
        choices=RULE_FORMATS,
        default=RULE_FORMATS[0],
        help="what is printed, or compared with a file (default: prometheus)",
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--check",
        type=Path,
        metavar="FILE|FOLDER",
        help="exit 1 and show a diff if this is not what would be written now",
    )
    action.add_argument(
        "--write", type=Path, metavar="FOLDER", help="write every format into this folder"
    )


def add_demo_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser the flags of `tunewatch demo`."""
    parser.add_argument("--once", action="store_true", help="end when all runs have been played")
    parser.add_argument(
        "--duration",
        type=_seconds,
        metavar="SECONDS",
        help="how long all runs together take (default: 180)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        metavar="PORT",
        help="where tunewatch serves HTTP (default: 10390, or any free one)",
    )
    parser.add_argument(
        "--mlflow-port",
        type=_port,
        metavar="PORT",
        help="where the MLflow server serves HTTP (default: any free one)",
    )


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


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r}: should be a port from 1 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: should be a number of seconds above 0")
    return seconds


def _duration(text: str) -> float:
    from alerts.values import parse_duration  # noqa: PLC0415 - pydantic is heavy

    try:
        return float(str(parse_duration(text)))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error
