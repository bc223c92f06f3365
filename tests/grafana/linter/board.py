"""A dashboard as its JSON says, with the parts that rules look at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from promql_parser import Expr

from tests.grafana.linter.promql import tree

Json = Mapping[str, Any]

SHOWS_NO_DATA = frozenset({"row", "text", "news", "dashlist", "alertlist"})
"""Types of panels that ask Prometheus nothing."""


class Finding(NamedTuple):
    """What is wrong, in which panel, in which of its queries (by place in their list)."""

    text: str
    panel: str = ""
    target: int | None = None


@dataclass(frozen=True)
class Target:
    """One query of a panel."""

    panel: Panel
    index: int
    json: Json

    @property
    def expr(self) -> str:
        return str(self.json.get("expr", ""))

    @property
    def legend(self) -> str:
        return str(self.json.get("legendFormat", ""))

    @property
    def ref(self) -> str:
        return str(self.json.get("refId", ""))

    @property
    def tree(self) -> Expr | None:
        """The query as a tree; None where it is not PromQL."""
        try:
            return tree(self.expr)
        except ValueError:
            return None

    @property
    def is_table(self) -> bool:
        return self.json.get("format") == "table"

    def found(self, text: str) -> Finding:
        return Finding(text, self.panel.title, self.index)


@dataclass(frozen=True)
class Panel:
    """One panel; `row` is the id of the collapsed row that holds it, None at the top."""

    json: Json
    row: int | None = None

    @property
    def title(self) -> str:
        return str(self.json.get("title", ""))

    @property
    def kind(self) -> str:
        return str(self.json.get("type", ""))

    @property
    def shows_data(self) -> bool:
        return self.kind not in SHOWS_NO_DATA

    @property
    def targets(self) -> Sequence[Target]:
        return [Target(self, n, target) for n, target in enumerate(self.json.get("targets", ()))]

    @property
    def defaults(self) -> Json:
        return dict(self.json.get("fieldConfig", {}).get("defaults", {}))

    @property
    def overrides(self) -> Sequence[Json]:
        return list(self.json.get("fieldConfig", {}).get("overrides", ()))

    @property
    def transformations(self) -> Sequence[Json]:
        return list(self.json.get("transformations", ()))

    def found(self, text: str) -> Finding:
        return Finding(text, self.title)


@dataclass(frozen=True)
class Board:
    """One dashboard."""

    json: Json

    @property
    def uid(self) -> str:
        return str(self.json.get("uid", ""))

    @property
    def title(self) -> str:
        return str(self.json.get("title", ""))

    @property
    def panels(self) -> Sequence[Panel]:
        """All panels, rows and what they hold."""
        return list(self._panels())

    def _panels(self) -> Iterator[Panel]:
        for panel in self.json.get("panels", ()):
            yield Panel(panel)
            for inner in panel.get("panels", ()):
                yield Panel(inner, panel.get("id"))

    @property
    def targets(self) -> Sequence[Target]:
        return [target for panel in self.panels for target in panel.targets]

    @property
    def variables(self) -> Mapping[str, Json]:
        """The variables by name."""
        listed = self.json.get("templating", {}).get("list", ())
        return {str(variable.get("name", "")): variable for variable in listed}

    @property
    def annotations(self) -> Sequence[Json]:
        """The annotations of our own, without the one that Grafana has built in."""
        listed = self.json.get("annotations", {}).get("list", ())
        return [annotation for annotation in listed if not annotation.get("builtIn")]


def read(path: Path) -> Board:
    """Read a dashboard from its file."""
    return Board(json.loads(path.read_text(encoding="utf-8")))
