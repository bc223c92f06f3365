"""The commands: each takes what the flags say and returns the exit code."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import sys
import time

from alerts.documents import DocumentError
from exporter import logs
from exporter.cli.console import FAILED, OK, USAGE, complain, config_file, say
from exporter.options import OptionError, run_options


def run(given: argparse.Namespace) -> int:
    """Run the daemon until a signal ends it."""
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
        return complain(error, USAGE)
    except StartError as error:
        return complain(error, FAILED)
    # Threads that hang in a driver or a channel would keep the interpreter from ending.
    return exit_now(code)


def check(given: argparse.Namespace) -> int:
    """Validate files, and print every mistake of each."""
    from exporter.config import load_config  # noqa: PLC0415 - pydantic models are built on import

    problems = 0
    for file in given.files:
        try:
            load_config(file)
        except DocumentError as error:
            problems += len(error.problems)
            complain(error, USAGE)
        else:
            say(f"{file}: good")
    return USAGE if problems else OK


def doctor(given: argparse.Namespace) -> int:
    """Print what is wrong with training configurations; fails on problems, if strict on all."""
    from exporter.config import load_config  # noqa: PLC0415 - pydantic models are built on import
    from exporter.doctor import Examination, Level, examine, summary  # noqa: PLC0415 - as above

    how = Examination(load_config(config_file(given)), None if given.offline else os.environ)
    findings = examine(given.files, how)
    as_json = given.output == "json"
    for finding in findings:
        say(json.dumps(finding.plain()) if as_json else str(finding))
    if not as_json:
        say(summary(findings))
    worst = max((finding.remark.level for finding in findings), default=Level.NOTE)
    return FAILED if worst >= (Level.WARNING if given.strict else Level.ERROR) else OK


def runs(given: argparse.Namespace) -> int:
    """List runs, as a table or as one line of JSON each."""
    from exporter.app import run_list, run_table  # noqa: PLC0415 - not for the daemon
    from exporter.config import load_config  # noqa: PLC0415 - pydantic models are built on import
    from exporter.sources import SourceDown  # noqa: PLC0415 - as above

    now = time.time()
    choice = run_list.Choice(
        tuple(given.experiment), now - given.since, given.limit, given.best, given.judged
    )
    try:
        rows, more = run_list.list_runs(load_config(config_file(given)), choice, now)
    except SourceDown as error:
        return complain(error, FAILED)
    if given.output == "json":
        for row in rows:
            say(run_table.json_line(row))
        return OK
    if not rows:
        say("no such run is active or ended lately (--since)")
        return OK
    # Without a terminal nothing is cut: others read it.
    for line in run_table.table(rows, shutil.get_terminal_size((0, 0)).columns):
        say(line)
    if more:
        say(f"and {more} more (--limit)")
    return OK


def replay(given: argparse.Namespace) -> int:
    """Print what the thresholds would have told of finished runs."""
    from exporter.app.replays import ReplayError, replays  # noqa: PLC0415 - not for the daemon
    from exporter.sources import SourceDown  # noqa: PLC0415 - as above

    try:
        for text in replays(given.runs, config_file(given), as_json=given.output == "json"):
            say(text)
    except ReplayError as error:
        return complain(error, USAGE)
    except SourceDown as error:
        return complain(error, FAILED)
    return OK


def notify(given: argparse.Namespace) -> int:
    """Send samples to every channel; fails where one does not arrive."""
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
            say(trial.text)
            failed += not trial.delivered
    except ChannelError as error:
        return complain(error, USAGE)
    return FAILED if failed else OK


def rules(given: argparse.Namespace) -> int:
    """Print, write or compare the rules for Prometheus and Alertmanager."""
    from alerts.promrules import files  # noqa: PLC0415 - not for the daemon
    from exporter.config import load_config  # noqa: PLC0415 - pydantic models are built on import

    config = load_config(config_file(given))
    try:
        if given.write:
            for path in files.write(given.write, config, config.prometheus):
                say(str(path))
            return OK
        if given.check:
            differences = list(files.compare(given.check, given.format, config, config.prometheus))
            for line in differences:
                say(line)
            remedy = OptionError(f"{given.check} is not up to date: write it anew")
            return complain(remedy, FAILED) if differences else OK
    except OSError as error:
        return complain(OptionError(f"{error.filename}: {error.strerror}"), USAGE)
    sys.stdout.write(files.render(given.format, config, config.prometheus))
    return OK


def demo(given: argparse.Namespace) -> int:
    """Play recorded runs to a real tracking server, and watch them."""
    from exporter.demo import DemoOptions, run_demo  # noqa: PLC0415 - not for the daemon

    return run_demo(DemoOptions(given.duration, given.once, given.port, given.mlflow_port))


def gpu_capture(given: argparse.Namespace) -> int:
    """Write what the GPU driver's library answers, with what identifies the machine masked."""
    from exporter.app import gpu_capture  # noqa: PLC0415 - not for the daemon
    from exporter.sources import SourceDown  # noqa: PLC0415 - as above

    options = run_options(vars(given), os.environ)
    try:
        text = gpu_capture.text(options.simulate, options.simulate_profile)
    except SourceDown as error:
        return complain(error, FAILED)
    if given.output is None:
        sys.stdout.write(text)
        return OK
    try:
        given.output.write_text(text, encoding="utf-8")
    except OSError as error:
        return complain(OptionError(f"{error.filename}: {error.strerror}"), USAGE)
    say(f"{given.output}: written; serial numbers and uuids are masked")
    return OK
