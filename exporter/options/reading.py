"""Joins flags, environment and defaults."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exporter.options.flag import Flag
from exporter.options.options import HOMELESS_STATE_FILE, RunOptions
from exporter.options.table import FLAGS


class OptionError(Exception):
    """An environment variable holds something that its flag does not take."""


def run_options(given: Mapping[str, object], environ: Mapping[str, str]) -> RunOptions:
    """Join flags, environment and defaults, in that order of precedence.

    Raises OptionError naming the variable that cannot be read.
    """
    values: dict[str, Any] = {}
    for flag in FLAGS:
        if flag.field in given:
            values[flag.field] = given[flag.field]
        elif environ.get(flag.variable):
            values[flag.field] = _from_variable(flag, environ[flag.variable])
    values.setdefault("node", environ.get("NODE_NAME") or socket.gethostname())
    values.setdefault("state_file", _default_state_file(environ))
    return RunOptions(**values)


def _from_variable(flag: Flag, text: str) -> object:
    try:
        value = flag.parse(text)
    except ValueError as error:
        raise OptionError(f"{flag.variable}: {text!r}: {error}") from error
    if flag.choices and value not in flag.choices:
        raise OptionError(f"{flag.variable}: {text!r}: should be one of {', '.join(flag.choices)}")
    return value


def _default_state_file(environ: Mapping[str, str]) -> Path:
    base = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if base:
        return Path(base) / "state.json"
    try:
        home = Path(environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
    except RuntimeError:
        # A container's user may have no home at all.
        return HOMELESS_STATE_FILE
    return home / "tunewatch" / "state.json"
