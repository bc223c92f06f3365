"""Log lines on standard error: logfmt for people and Loki, JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_NAMES = {logging.WARNING: "warn", logging.CRITICAL: "error"}


def _fields(record: logging.LogRecord) -> dict[str, str]:
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    fields = {
        "time": time,
        "level": _NAMES.get(record.levelno, record.levelname.lower()),
        "logger": record.name,
        "msg": record.getMessage(),
    }
    # The redacting filter leaves the masked traceback in exc_text.
    if record.exc_info and not record.exc_text:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    if record.exc_text:
        fields["traceback"] = record.exc_text
    return fields


class Logfmt(logging.Formatter):
    """`key=value` pairs, quoted where a value has blanks; one line per record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; newlines in values are escaped, so nothing can forge a line."""
        return " ".join(f"{key}={_quoted(value)}" for key, value in _fields(record).items())


class JsonLines(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return _printable(json.dumps(_fields(record), ensure_ascii=False))


def _quoted(value: str) -> str:
    if value and not any(c.isspace() or c in '"=\\' or not c.isprintable() for c in value):
        return value
    return _printable(json.dumps(value, ensure_ascii=False))


def _printable(quoted: str) -> str:
    """Escape what JSON lets through: line separators, terminal controls, text that runs back."""
    if quoted.isprintable():
        return quoted
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in quoted)


def configure(level: str, style: str, stream: TextIO | None = None) -> logging.Handler:
    """Send all logging to one handler on `stream` (standard error), and return it."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if style == "json" else Logfmt())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
    return handler
