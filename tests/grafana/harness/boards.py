"""Dashboards as Grafana reads them: Classic JSON, its panels, variables and annotations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.project import ROOT

FOLDER = ROOT / "grafana" / "dashboards"
Document = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Panel:
    """A panel; `dashboard` is the name of the file that it is from."""

    dashboard: str
    document: Document

    @property
    def name(self) -> str:
        """How tests and messages call it."""
        return f"{self.dashboard}/{self.document['id']} {self.document['title']}"

    @property
    def type(self) -> str:
        """The id of the panel's plugin."""
        return str(self.document["type"])

    @property
    def targets(self) -> Sequence[Document]:
        """The queries that are not switched off."""
        return [t for t in self.document.get("targets", ()) if not t.get("hide")]


@dataclass(frozen=True, eq=False)
class Dashboard:
    """A dashboard; `name` is that of its file."""

    name: str
    document: Document

    @classmethod
    def read(cls, path: Path) -> Dashboard:
        """Read a file."""
        return cls(path.stem, json.loads(path.read_text(encoding="utf-8")))

    @property
    def rows(self) -> Sequence[Document]:
        """All panels in the order of the page, rows too; what a row keeps folded comes after it."""
        return list(_unfolded(self.document["panels"]))

    @property
    def panels(self) -> Sequence[Panel]:
        """All panels that are not rows."""
        return [Panel(self.name, one) for one in self.rows if one["type"] != "row"]

    @property
    def variables(self) -> Sequence[Document]:
        """What a person chooses at the top, in that order."""
        found: Sequence[Document] = self.document.get("templating", {}).get("list", [])
        return found

    @property
    def annotations(self) -> Sequence[Document]:
        """The annotation queries of ours, without the one that Grafana has built in."""
        found = self.document.get("annotations", {}).get("list", [])
        return [one for one in found if not one.get("builtIn")]


def _unfolded(panels: Sequence[Document]) -> Iterator[Document]:
    for panel in panels:
        yield panel
        if panel["type"] == "row":
            yield from _unfolded(panel.get("panels", []))


def dashboards() -> Sequence[Dashboard]:
    """Return all dashboards that the project ships."""
    return [Dashboard.read(path) for path in sorted(FOLDER.glob("*.json"))]
