"""The environment of a container, as far as files tell: values, and why others are not known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.doctor.finding import Place

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][\w.-]*)\)")


class Variable(NamedTuple):
    """A variable that is set; `value` is None where the files do not hold it.

    `origin` says in words where it comes from; `field` is the path of a downward API field. What
    `is_missing` keeps the pod from starting.
    """

    value: str | None
    origin: str
    place: Place
    field: str = ""
    is_missing: bool = False


@dataclass(frozen=True)
class Environment:
    """Variables by name.

    `unseen` names the ConfigMaps and Secrets that may set any others, with where they are named.
    """

    variables: Mapping[str, Variable] = field(default_factory=dict)
    unseen: tuple[tuple[str, Place], ...] = ()

    def get(self, name: str) -> Variable | None:
        """Return a variable; None where nothing that was seen sets it."""
        return self.variables.get(name)

    def value(self, name: str) -> str | None:
        """Return the value of a variable where it is known."""
        found = self.variables.get(name)
        return found.value if found else None

    def why_unknown(self, name: str) -> str:
        """Say why a variable has no value here."""
        found = self.variables.get(name)
        if found is not None:
            return found.origin
        if not name.isidentifier():
            return "is computed by the shell"
        if self.unseen:
            names = ", ".join(dict.fromkeys(name for name, _ in self.unseen))
            return f"may come from {names}, which is not among the files"
        return "nothing in these files sets it"

    def with_values(self, values: Mapping[str, str], origin: str, place: Place) -> Environment:
        """Return the environment with what a script sets itself."""
        own = {name: Variable(value, origin, place) for name, value in values.items()}
        return Environment({**self.variables, **own}, self.unseen)


class Marks:
    """Stands-in for values that are not known, in characters that no file has."""

    BEGIN, END = "\ue000", "\ue001"
    _PATTERN = re.compile(f"{BEGIN}([^{END}]*){END}")

    @classmethod
    def mark(cls, name: str) -> str:
        """Return what stands for the value of a variable."""
        return f"{cls.BEGIN}{name}{cls.END}"

    @classmethod
    def names(cls, text: str) -> list[str]:
        """Return the variables that a text waits for."""
        return cls._PATTERN.findall(text)

    @classmethod
    def shown(cls, text: str) -> str:
        """Return a text for people."""
        return cls._PATTERN.sub(r"${\1}", text)


def expanded_by_kubelet(text: str, known: Mapping[str, Variable]) -> str:
    """Replace `$(NAME)` by variables that were defined before, as the kubelet does.

    What it does not know it leaves as it stands; `$$` is a dollar sign.
    """

    def replaced(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        variable = known.get(match[1])
        if variable is None:
            return match[0]
        return Marks.mark(match[1]) if variable.value is None else variable.value

    return _REFERENCE.sub(replaced, text)


def left_over(text: str) -> Iterable[str]:
    """Return the names of the `$(NAME)` that nothing has replaced."""
    return [match[1] for match in _REFERENCE.finditer(text) if match[1]]
