"""One flag of a command line, which an environment variable sets as well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exporter.options.options import RunOptions
from exporter.options.values import parse_switch


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag of the command line; it wins over its environment variable.

    `default` says in words what holds without both, where that is no fixed value.
    """

    name: str
    field: str
    help: str
    parse: Callable[[str], object] = str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    default: str = ""

    @property
    def variable(self) -> str:
        """The environment variable that sets the same."""
        return "TUNEWATCH_" + self.name.replace(".", "_").replace("-", "_").upper()

    @property
    def is_switch(self) -> bool:
        """Whether the flag takes no value but has a `--no-` twin."""
        return self.parse is parse_switch

    @property
    def default_text(self) -> str:
        """What holds when nothing is given, in words."""
        value = getattr(RunOptions(), self.field)
        if self.is_switch and not self.default:
            return "on" if value else "off"
        return self.default or (f"{value:g}" if isinstance(value, float) else str(value))
