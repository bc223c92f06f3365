"""What stands for variables in a query: values chosen, and the times of the range shown.

Rules are those of Grafana's template service and of its Prometheus data source
(`interpolateQueryExpr`, `prometheusRegularEscape`, `prometheusSpecialRegexEscape`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

SCRAPE = 1.0
"""Seconds between two scrapes of the bed."""
_REFERENCE = re.compile(
    r"\$(\w+)|\$\{(\w+)(?:\.[^:}]+)?(?::([^}]+))?\}|\[\[(\w+)(?::(\w+))?\]\]", re.ASCII
)
_ROUNDED = (
    *((0.15, 0.1), (0.35, 0.2), (0.75, 0.5), (1.5, 1), (3.5, 2), (7.5, 5), (12.5, 10)),
    *((17.5, 15), (25, 20), (45, 30), (90, 60), (210, 120), (450, 300), (750, 600)),
)
"""Limits below which an interval becomes another, in seconds (Grafana's `roundInterval`)."""


@dataclass(frozen=True, slots=True)
class Value:
    """What is chosen for a variable: one value or several.

    `raw` values are not escaped: what All stands for. `listed` says that the variable takes
    several or All, so that its values are part of a regular expression. `words` is what a person
    reads.
    """

    chosen: tuple[str, ...]
    listed: bool = False
    raw: bool = False
    words: str = ""

    def text(self, form: str = "") -> str:
        """Return what is put into a query; `form` is what may follow a colon."""
        if form == "text":
            return self.words
        if form in ("raw", "csv") or self.raw:
            return ",".join(self.chosen)
        if form == "pipe":
            return "|".join(self.chosen)
        if form == "regex":
            return _alternatives([re.escape(value) for value in self.chosen])
        assert not form, f"a format that the bed does not know: {form}"
        if not self.listed:
            [only] = self.chosen
            return only.replace("\\", "\\\\").replace("'", "\\\\'")
        return _alternatives([_escaped(value) for value in self.chosen])


def _alternatives(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"({'|'.join(values)})"


def _escaped(value: str) -> str:
    return re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", value.replace("\\", "\\\\\\\\"))


@dataclass(frozen=True)
class Scope:
    """A range of time (Unix seconds) and what is chosen; `step` is the one of queries along it.

    `scrape` is the interval of scrapes that the data source is told, in seconds.
    """

    begin: float
    end: float
    values: Mapping[str, Value] = field(default_factory=dict)
    step: float = SCRAPE
    scrape: float = SCRAPE

    def with_values(self, **values: Value) -> Scope:
        """Return the same with more chosen."""
        return replace(self, values={**self.values, **values})

    def for_panel(self, points: int, least: float = 0.0) -> Scope:
        """Return the same with the step of a panel that has room for so many points."""
        wanted = (self.end - self.begin) / points
        rounded = next((step for limit, step in _ROUNDED if wanted < limit), 1800.0)
        return replace(self, step=max(rounded, least, self.scrape))

    def fill(self, text: str) -> str:
        """Put values in the place of variables; what is none of them stays as it is."""
        return _REFERENCE.sub(self._value, text)

    def shown(self, text: str) -> str:
        """Put what people read in the place of variables, as titles of panels do."""
        return _REFERENCE.sub(lambda match: self._value(match, "text"), text)

    def unknown(self, text: str) -> set[str]:
        """Return the names in a text that look like variables and are none."""
        found = {name for match in _REFERENCE.finditer(text) if (name := _name(match))}
        return {name for name in found if not name.isdecimal() and name not in self._all()}

    def _value(self, match: re.Match[str], usual: str = "") -> str:
        value = self._all().get(_name(match))
        return match[0] if value is None else value.text(match[3] or match[5] or usual)

    def _all(self) -> Mapping[str, Value]:
        seconds, rate = self.end - self.begin, max(self.step + self.scrape, 4 * self.scrape)
        times = {
            "__range": f"{max(round(seconds), 1)}s",
            "__range_s": str(max(round(seconds), 1)),
            "__range_ms": str(round(1000 * seconds)),
            "__interval": f"{self.step:g}s",
            "__interval_ms": f"{1000 * self.step:g}",
            "__rate_interval": f"{rate:g}s",
            "__from": f"{1000 * self.begin:.0f}",
            "__to": f"{1000 * self.end:.0f}",
        }
        return {**{name: Value((text,), words=text) for name, text in times.items()}, **self.values}


def _name(match: re.Match[str]) -> str:
    return match[1] or match[2] or match[4]
