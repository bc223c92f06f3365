"""The command `tunewatch`: flags in, exit codes out."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper

from alerts.documents import DocumentError
from exporter.cli.console import OK, USAGE, complain
from exporter.cli.parser import build_parser
from exporter.options import OptionError

INTERRUPTED = 128 + signal.SIGINT


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
        return complain(error, USAGE)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED
