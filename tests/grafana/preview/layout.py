"""Where panels stand on a page: Grafana's grid of 24 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.grafana.harness.boards import Dashboard, Document

WIDTH = 1600
MARGIN = 8
CELL = 38
"""Height of a cell of the grid with its margin, as in Grafana."""
COLUMNS = 24
HEADER = 76


@dataclass(frozen=True, slots=True)
class Box:
    """A panel, or the title of a row, and its place in pixels."""

    document: Document
    left: float
    top: float
    width: float
    height: float

    @property
    def is_row(self) -> bool:
        """Whether it is only a title."""
        return bool(self.document["type"] == "row")


def boxes(dashboard: Dashboard, *, unfold: bool) -> Sequence[Box]:
    """Return panels with their places, one section below the other; `unfold` opens folded rows."""
    found: list[Box] = []
    top = 0
    for title, panels in _sections(dashboard.rows):
        if title and title.get("collapsed") and not unfold:
            panels.clear()
        if title:
            found.append(Box(title, 0, top * CELL, WIDTH - 2 * MARGIN, CELL - MARGIN))
            top += 1
        first = min((panel["gridPos"]["y"] for panel in panels), default=0)
        found += [_box(panel, top - first) for panel in panels]
        bottoms = [panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels]
        top += max(bottoms, default=first) - first
    return found


def height(found: Sequence[Box]) -> int:
    """Return the height of a page in pixels."""
    return int(max(box.top + box.height for box in found)) + HEADER + 2 * MARGIN + 8


def _sections(rows: Sequence[Document]) -> Iterator[tuple[Document | None, list[Document]]]:
    title: Document | None = None
    panels: list[Document] = []
    for one in rows:
        if one["type"] != "row":
            panels.append(one)
            continue
        if title or panels:
            yield title, panels
        title, panels = one, []
    yield title, panels


def _box(panel: Document, shift: int) -> Box:
    grid = panel["gridPos"]
    column = (WIDTH - 2 * MARGIN + MARGIN) / COLUMNS
    return Box(
        panel,
        grid["x"] * column,
        (grid["y"] + shift) * CELL,
        grid["w"] * column - MARGIN,
        grid["h"] * CELL - MARGIN,
    )
