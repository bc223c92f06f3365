"""The command `tunewatch`: flags in, exit codes out; the only place that prints."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import TypeAlias

from alerts.documents import DocumentError
from exporter import logs
from exporter.arguments import (
    add_capture_flags,
    add_config_flag,
    add_demo_flags,
    add_replay_flags,
    add_rules_flags,
    add_runs_flags,
)
from exporter.options import OptionError, add_flags, run_options

OK, FAILED, USAGE = 0, 1, 2
INTERRUPTED = 128 + signal.SIGINT

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - argparse has no public name for it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 good, 1 failed, 2 bad input."""
    if isinstance(sys.stdout, TextIOWrapper):
        # A run may have a name that the terminal cannot show.
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = build_parser()
    given = parser.parse_args(arguments)
    if given.command is None:
        parser.print_help()
        return USAGE
    command: Callable[[argparse.Namespace], int] = given.command
    try:
        return command(given)
    except (DocumentError, OptionError) as error:
        return _complain(error, USAGE)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="tunewatch",
        description="Prometheus exporter and alerting daemon for fine-tuning on NVIDIA GPUs.",
    )
    parser.add_argument("--version", action="version", version=f"tunewatch {version('tunewatch')}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    for add in (
        *(_add_run, _add_check, _add_runs, _add_replay, _add_notify, _add_rules, _add_demo),
        _add_gpu_capture,
    ):
        add(commands)
    return parser


def _add_run(commands: Commands) -> None:
    # Abbreviations would make every later flag a breaking change.
    run = commands.add_parser("run", help="run the daemon", allow_abbrev=False)
    add_flags(run)
    run.set_defaults(command=_run)


def _add_check(commands: Commands) -> None:
    check = commands.add_parser("check", help="validate configuration files")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a configuration")
    check.set_defaults(command=_check)


def _add_runs(commands: Commands) -> None:
    runs = commands.add_parser(
        "runs", help="list active and recent runs with their alerts", allow_abbrev=False
    )
    add_runs_flags(runs)
    runs.set_defaults(command=_runs)


def _add_replay(commands: Commands) -> None:
    replay = commands.add_parser(
        "replay", help="run the thresholds over finished runs", allow_abbrev=False
    )
    add_replay_flags(replay)
    replay.set_defaults(command=_replay)


def _add_notify(commands: Commands) -> None:
    notify = commands.add_parser(
        "notify", help="send a sample of each severity to every channel", allow_abbrev=False
    )
    add_config_flag(notify)
    notify.set_defaults(command=_notify)


def _add_rules(commands: Commands) -> None:
    rules = commands.add_parser(
        "rules", help="write the same alerts for Prometheus", allow_abbrev=False
    )
    add_rules_flags(rules)
    rules.set_defaults(command=_rules)


def _add_demo(commands: Commands) -> None:
    demo = commands.add_parser("demo", help="watch recorded runs go wrong, on this machine")
    add_demo_flags(demo)
    demo.set_defaults(command=_demo)


def _add_gpu_capture(commands: Commands) -> None:
    capture = commands.add_parser(
        "gpu-capture",
        help="record what the GPU driver answers, for a bug report",
        allow_abbrev=False,
    )
    add_capture_flags(capture)
    capture.set_defaults(command=_gpu_capture)


def _run(given: argparse.Namespace) -> int:
    from alerts.notify import redact  # noqa: PLC0415 - other commands need no daemon
    from alerts.notify.settings import ChannelError  # noqa: PLC0415 - as above
    from exporter.app import Process, StartError  # noqa: PLC0415 - as above
    from exporter.daemon import exit_now  # noqa: PLC0415 - as above

    options = run_options(vars(given), os.environ)
    logs.configure(options.log_level, options.log_format)
    redactor = redact.Redactor()
    redact.install(redactor)
    try:
        code = Process(options, os.environ, redactor).run()
    except ChannelError as error:
        return _complain(error, USAGE)
    except StartError as error:
        return _complain(error, FAILED)
    # Threads that hang in a driver or a channel would keep the interpreter from ending.
    return exit_now(code)


def _check(given: argparse.Namespace) -> int:
    from exporter.config import load_config  # noqa: PLC0415 - pydantic models are built on import

    problems = 0
    for file in given.files:
        try:
            load_config(file)
        except DocumentError as error:
            problems += len(error.problems)
            _complain(error, USAGE)
        else:
            _print(f"{file}: good")
    return USAGE if problems else OK


def _runs(given: argparse.Namespace) -> int:
    from exporter.app import run_list, run_table  # noqa: PLC0415 - not for the daemon
    from exporter.config import load_config  # noqa: PLC0415 - pydantic models are built on import
    from exporter.sources import SourceDown  # noqa: PLC0415 - as above

    now = time.time()
    choice = run_list.Choice(
        tuple(given.experiment), now - given.since, given.limit, given.best, given.judged
    )
    try:
        rows, more = run_list.list_runs(load_config(_config_file(given)), choice, now)
    except SourceDown as error:
        return _complain(error, FAILED)
    if given.output == "json":
        for row in rows:
            _print(run_table.json_line(row))
        return OK
    if not rows:
        _print("no such run is active or ended lately (--since)")
        return OK
    # Without a terminal nothing is cut: others read it.
    for line in run_table.table(rows, shutil.get_terminal_size((0, 0)).columns):
        _print(line)
    if more:
        _print(f"and {more} more (--limit)")
    return OK


def _replay(given: argparse.Namespace) -> int:
    from exporter.app.replays import ReplayError, replays  # noqa: PLC0415 - not for the daemon
    from exporter.sources import SourceDown  # noqa: PLC0415 - as above

    try:
        for text in replays(given.runs, _config_file(given), as_json=given.output == "json"):
            _print(text)
    except ReplayError as error:
        return _complain(error, USAGE)
    except SourceDown as error:
        return _complain(error, FAILED)
    return OK


def _notify(given: argparse.Namespace) -> int:
    from alerts.notify import redact  # noqa: PLC0415 - not for the daemon
    from alerts.notify.settings import ChannelError  # noqa: PLC0415 - as above
    from exporter.app.notify_command import trials  # noqa: PLC0415 - as above

    options = run_options(vars(given), os.environ)
    # What goes wrong is in the report; vendors would say it once more.
    logs.configure("error", options.log_format).setLevel(logging.ERROR)
    redactor = redact.Redactor()
    redact.install(redactor)
    failed = 0
    try:
        for trial in trials(options.config_file, os.environ, redactor, time.time()):
            _print(trial.text)
            failed += not trial.delivered
    except ChannelError as error:
        return _complain(error, USAGE)
    return FAILED if failed else OK


def _rules(given: argparse.Namespace) -> int:
    from alerts.promrules import files  # noqa: PLC0415 - not for the daemon
    from exporter.config import load_config  # noqa: PLC0415 - pydantic models are built on import

    config = load_config(_config_file(given))
    try:
        if given.write:
            for path in files.write(given.write, config, config.prometheus):
                _print(str(path))
            return OK
        if given.check:
            differences = list(files.compare(given.check, given.format, config, config.prometheus))
            for line in differences:
                _print(line)
            remedy = OptionError(f"{given.check} is not up to date: write it anew")
            return _complain(remedy, FAILED) if differences else OK
    except OSError as error:
        return _complain(OptionError(f"{error.filename}: {error.strerror}"), USAGE)
    sys.stdout.write(files.render(given.format, config, config.prometheus))
    return OK


def _demo(given: argparse.Namespace) -> int:
    from exporter.demo import DemoOptions, run_demo  # noqa: PLC0415 - not for the daemon

    return run_demo(DemoOptions(given.duration, given.once, given.port, given.mlflow_port))


def _gpu_capture(given: argparse.Namespace) -> int:
    from exporter.app import gpu_capture  # noqa: PLC0415 - not for the daemon
    from exporter.sources import SourceDown  # noqa: PLC0415 - as above

    options = run_options(vars(given), os.environ)
    try:
        text = gpu_capture.text(options.simulate, options.simulate_profile)
    except SourceDown as error:
        return _complain(error, FAILED)
    if given.output is None:
        sys.stdout.write(text)
        return OK
    try:
        given.output.write_text(text, encoding="utf-8")
    except OSError as error:
        return _complain(OptionError(f"{error.filename}: {error.strerror}"), USAGE)
    _print(f"{given.output}: written; serial numbers and uuids are masked")
    return OK


def _config_file(given: argparse.Namespace) -> Path | None:
    """Return the configuration that `run` would take, so that all commands speak of the same."""
    return run_options(vars(given), os.environ).config_file


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _complain(error: Exception, code: int) -> int:
    # Mistakes in files begin with file and line, the form that editors jump to.
    prefix = "" if isinstance(error, DocumentError) else "tunewatch: "
    sys.stderr.write(f"{prefix}{error}\n")
    return code
