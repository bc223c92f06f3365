"""What the doctor finds: where, how grave, what is wrong and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from alerts.documents import printable


class Level(IntEnum):
    """How grave a finding is; only errors fail the command, unless it is strict."""

    NOTE = 0
    WARNING = 1
    ERROR = 2


class Place(NamedTuple):
    """A line of a file, counted from 1; 0 means the file as a whole."""

    file: str
    line: int

    def __str__(self) -> str:
        """Return `file:line`, the form that editors jump to."""
        return f"{self.file}:{self.line}" if self.line else self.file


class Remark(NamedTuple):
    """One thing that a check has to say."""

    place: Place
    level: Level
    what: str
    remedy: str


class Finding(NamedTuple):
    """A remark and the name of the check that made it."""

    check: str
    remark: Remark

    def __str__(self) -> str:
        """Return `file:line: severity: what: remedy`."""
        place, level, what, remedy = self.remark
        return printable(f"{place}: {level.name.lower()}: {what}: {remedy}")

    def plain(self) -> dict[str, str | int]:
        """Return what `--output json` prints."""
        place, level, what, remedy = self.remark
        return {
            "file": place.file,
            "line": place.line,
            "severity": level.name.lower(),
            "check": self.check,
            "message": what,
            "remedy": remedy,
        }


def shown(value: object, most: int = 60) -> str:
    """Return a value of a file as messages repeat it: never what looks like an address."""
    text = value if isinstance(value, str) else repr(value)
    if "://" in text or "@" in text:
        return "…"
    return text if len(text) <= most else f"{text[:most]}…"


def summary(findings: Iterable[Finding]) -> str:
    """Count findings by how grave they are, in words."""
    levels = [finding.remark.level for finding in findings]
    counted = (
        (levels.count(Level.ERROR), "problem"),
        (levels.count(Level.WARNING), "warning"),
        (levels.count(Level.NOTE), "note"),
    )
    words = [f"{count} {word}{'s' * (count != 1)}" for count, word in counted if count]
    return ", ".join(words) or "all is well"
