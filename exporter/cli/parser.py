"""The parser of the command line: one row per command."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.metadata import version
from typing import NamedTuple

from exporter.arguments import (
    add_capture_flags,
    add_check_flags,
    add_config_flag,
    add_demo_flags,
    add_doctor_flags,
    add_replay_flags,
    add_rules_flags,
    add_runs_flags,
)
from exporter.cli import commands
from exporter.options import add_flags


class Command(NamedTuple):
    """A word of the command line, the flags that it takes, and what it does."""

    name: str
    help: str
    add_flags: Callable[[argparse.ArgumentParser], object]
    run: Callable[[argparse.Namespace], int]


COMMANDS = (
    Command("run", "run the daemon", add_flags, commands.run),
    Command("check", "validate configuration files", add_check_flags, commands.check),
    Command(
        "doctor",
        "look over a train.yaml or a training job before it runs",
        add_doctor_flags,
        commands.doctor,
    ),
    Command("runs", "list active and recent runs with their alerts", add_runs_flags, commands.runs),
    Command("replay", "run the thresholds over finished runs", add_replay_flags, commands.replay),
    Command(
        "notify",
        "send a sample of each severity to every channel",
        add_config_flag,
        commands.notify,
    ),
    Command("rules", "write the same alerts for Prometheus", add_rules_flags, commands.rules),
    Command("demo", "watch recorded runs go wrong, on this machine", add_demo_flags, commands.demo),
    Command(
        "gpu-capture",
        "record what the GPU driver answers, for a bug report",
        add_capture_flags,
        commands.gpu_capture,
    ),
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="tunewatch",
        description="Prometheus exporter and alerting daemon for fine-tuning on NVIDIA GPUs.",
    )
    parser.add_argument("--version", action="version", version=f"tunewatch {version('tunewatch')}")
    parser.set_defaults(command=None)
    parsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        # Abbreviations would make every later flag a breaking change.
        one = parsers.add_parser(command.name, help=command.help, allow_abbrev=False)
        command.add_flags(one)
        one.set_defaults(command=command.run)
    return parser
