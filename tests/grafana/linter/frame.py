"""Rules about a dashboard as a whole: its address, its settings, where its panels lie."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations

from tests.grafana.linter.board import Board, Finding, Panel

OLDEST_SCHEMA = 39
"""That of Grafana 11.0."""
WIDTH = 24
REFRESH = frozenset({"", "10s", "30s", "1m", "5m"})


def settings(board: Board) -> Iterator[Finding]:
    """Shipped dashboards are alike: read-only, shared crosshair, a range that ends now."""
    json = board.json
    wrong = {
        "editable should be false": json.get("editable") is not False,
        "id should be left to Grafana": json.get("id") is not None,
        "should hold no __inputs": "__inputs" in json,
        "graphTooltip should be 1, the shared crosshair": json.get("graphTooltip") != 1,
        f"schemaVersion is below {OLDEST_SCHEMA}": json.get("schemaVersion", 0) < OLDEST_SCHEMA,
        "refresh is none that people choose": json.get("refresh", "") not in REFRESH,
        "timezone should be the browser's": json.get("timezone") not in ("browser", ""),
        "has no tag tunewatch": "tunewatch" not in json.get("tags", ()),
        "has no description": not json.get("description"),
        "has no title": not board.title,
    }
    yield from (Finding(text) for text, holds in wrong.items() if holds)
    time = json.get("time", {})
    if not re.fullmatch(r"now-\d+[mhd]", str(time.get("from"))) or time.get("to") != "now":
        yield Finding(f"the range should end now: {time}")


def address(board: Board) -> Iterator[Finding]:
    """The uid is part of every link and bookmark: readable, and within Grafana's 40 characters."""
    if not re.fullmatch(r"tunewatch-[a-z]+(-[a-z]+)*", board.uid) or len(board.uid) > 40:
        yield Finding(f"uid should be tunewatch-<words>: {board.uid!r}")


def ids(board: Board) -> Iterator[Finding]:
    """Each panel has a number of its own, which links to it (`viewPanel`) need."""
    numbers = [panel.json.get("id") for panel in board.panels]
    for panel, number in zip(board.panels, numbers, strict=True):
        if not isinstance(number, int) or number < 1:
            yield panel.found(f"id should be a positive number: {number}")
    for number, count in Counter(numbers).items():
        if count > 1:
            yield Finding(f"{count} panels have the id {number}")


def titles(board: Board) -> Iterator[Finding]:
    """Panels are named, and told apart by their names."""
    names = Counter(panel.title for panel in board.panels)
    for name, count in names.items():
        if not name:
            yield Finding(f"{count} panels have no title")
        elif count > 1:
            yield Finding(f"{count} panels are called {name!r}")


def places(board: Board) -> Iterator[Finding]:
    """Panels lie beside one another within 24 columns; a collapsed row holds what is below it."""
    panels = board.panels
    for panel in panels:
        at = panel.json.get("gridPos", {})
        if set(at) < {"h", "w", "x", "y"}:
            yield panel.found(f"has no place: {at}")
            return
        if at["x"] < 0 or at["w"] < 1 or at["h"] < 1 or at["x"] + at["w"] > WIDTH:
            yield panel.found(f"lies beyond the {WIDTH} columns: {at}")
    for row in {panel.row for panel in panels}:
        yield from _overlaps([panel for panel in panels if panel.row == row])
    yield from _rows(panels)


def _overlaps(panels: Sequence[Panel]) -> Iterator[Finding]:
    for one, other in combinations(panels, 2):
        a, b = one.json["gridPos"], other.json["gridPos"]
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        if not (beside or below):
            yield one.found(f"lies over {other.title!r}")


def _rows(panels: Sequence[Panel]) -> Iterator[Finding]:
    rows = {panel.json.get("id"): panel for panel in panels if panel.kind == "row"}
    for row in rows.values():
        collapsed, held = bool(row.json.get("collapsed")), row.json.get("panels", [])
        if collapsed != bool(held):
            yield row.found("a row holds panels while it is collapsed, and only then")
    for panel in panels:
        if panel.row is not None:
            row = rows[panel.row]
            if panel.json["gridPos"]["y"] <= row.json["gridPos"]["y"]:
                yield panel.found(f"lies above its row {row.title!r}")
