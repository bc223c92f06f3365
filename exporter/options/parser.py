"""Gives a parser of command lines the flags of the table."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from functools import partial

from exporter.options.flag import Flag
from exporter.options.table import FLAGS


def add_flags(parser: argparse.ArgumentParser, flags: Iterable[Flag] = FLAGS) -> None:
    """Give a parser these flags; one that is not given is absent from the result."""
    for flag in flags:
        text = f"{flag.help} (default: {flag.default_text}) [${flag.variable}]"
        if flag.is_switch:
            parser.add_argument(
                f"--{flag.name}",
                dest=flag.field,
                action=argparse.BooleanOptionalAction,
                default=argparse.SUPPRESS,
                help=text.replace("%", "%%"),
            )
            continue
        parser.add_argument(
            f"--{flag.name}",
            dest=flag.field,
            type=partial(_from_argument, flag),
            default=argparse.SUPPRESS,
            choices=flag.choices or None,
            metavar=flag.metavar or None,
            help=text.replace("%", "%%"),
        )


def _from_argument(flag: Flag, text: str) -> object:
    try:
        return flag.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error
