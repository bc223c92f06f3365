"""Rules about what a panel says and how: words, units, bounds, states, fields of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tests.grafana.linter.board import Board, Finding, Json, Panel
from tests.grafana.linter.columns import columns
from tests.grafana.linter.promql import codes
from tests.grafana.linter.states import VOCABULARIES

UNITS = frozenset(
    {
        *("none", "short", "sci", "string", "percent", "percentunit", "bool_yes_no", "bool_on_off"),
        *("bytes", "decbytes", "Bps", "binBps", "watt", "joule", "watth", "kwatth", "hertz"),
        *("celsius", "s", "ms", "dtdurations", "dtdhms", "clocks"),
        *("dateTimeAsIso", "dateTimeAsLocal", "dateTimeFromNow", "ops", "cps", "cpm"),
    }
)
"""Units of Grafana that we use: one that it does not know is shown as a suffix."""
STATES_ONLY = frozenset({"state-timeline", "status-history"})
CLAUSE = re.compile(r"[.!?:;](?: |\n|$)")


def descriptions(board: Board) -> Iterator[Finding]:
    """Every panel says what it shows and what to do about it, so in two clauses or more."""
    for panel in board.panels:
        if panel.kind == "row":
            continue
        said = str(panel.json.get("description", ""))
        if len(CLAUSE.findall(said)) < 2:
            yield panel.found(f"the description should say what to do as well: {said!r}")


def absence(board: Board) -> Iterator[Finding]:
    """A panel without data says why in its own words."""
    for panel in board.panels:
        if panel.shows_data and not panel.defaults.get("noValue"):
            yield panel.found("has no word for no data (noValue)")


def units(board: Board) -> Iterator[Finding]:
    """Every number has a unit that Grafana knows, or words in place of it."""
    for panel in board.panels:
        if not panel.shows_data:
            continue
        for unit in _units(panel):
            if unit not in UNITS:
                yield panel.found(f"no unit that we use: {unit!r}")
        if not panel.defaults.get("unit") and not panel.defaults.get("mappings"):
            yield from _without_unit(panel)


def _units(panel: Panel) -> Iterator[str]:
    if panel.defaults.get("unit"):
        yield str(panel.defaults["unit"])
    for _, identifier, value in _properties(panel):
        if identifier == "unit":
            yield str(value)


def _without_unit(panel: Panel) -> Iterator[Finding]:
    """Say which numbers of a table have no unit; other panels need one for all."""
    if panel.kind != "table":
        yield panel.found("has no unit")
        return
    shown = {matcher.get("options") for matcher, name, _ in _properties(panel) if name in _SAYS}
    for name in sorted(_values(panel) - shown):
        yield panel.found(f"the column {name!r} has no unit")


_SAYS = ("unit", "mappings")


def _values(panel: Panel) -> set[str]:
    """Return the names of a table's columns of numbers, as they are after renaming."""
    names = {"Value" if len(panel.targets) == 1 else f"Value #{t.ref}" for t in panel.targets}
    hidden: set[str] = set()
    for transformation in panel.transformations:
        options = transformation.get("options", {})
        if transformation.get("id") == "groupingToMatrix":
            return set()
        hidden |= {name for name, holds in options.get("excludeByName", {}).items() if holds}
        renames = options.get("renameByName", {})
        names = {renames.get(name) or name for name in names - hidden}
    return names


def bounds(board: Board) -> Iterator[Finding]:
    """Curves and bars of shares (0-1) are drawn from none to all."""
    for panel in board.panels:
        ends = (panel.defaults.get("min"), panel.defaults.get("max"))
        if panel.defaults.get("unit") == "percentunit" and panel.kind != "stat" and ends != (0, 1):
            yield panel.found(f"a share should be drawn from 0 to 1, not {ends}")


def overrides(board: Board) -> Iterator[Finding]:
    """Overrides and transformations name fields that the panel has."""
    for panel in board.panels:
        found = columns(panel)
        yield from (panel.found(f"asks for what is not there: {m}") for m in found.missing)
        for matcher, _, _ in _properties(panel):
            name, kind = str(matcher.get("options")), matcher.get("id")
            if kind == "byName" and name not in found:
                yield panel.found(f"an override of {name!r}, which is none of its fields")
            if kind == "byRegexp" and not found.match(name):
                yield panel.found(f"an override of {name!r}, which fits none of its fields")
            if kind == "byFrameRefID" and name not in {target.ref for target in panel.targets}:
                yield panel.found(f"an override of query {name!r}, which it has not")


def states(board: Board) -> Iterator[Finding]:
    """Words for states are those that are exported, all of them, each with a colour."""
    for panel in board.panels:
        listed = [panel.defaults.get("mappings", [])]
        listed += [value for _, name, value in _properties(panel) if name == "mappings"]
        for mappings in listed:
            yield from (panel.found(text) for text in _mapped(mappings))
        words = _words(panel.defaults.get("mappings", []))
        if panel.kind in STATES_ONLY and not words:
            yield panel.found("shows states without a word and a colour for each")
        for code in sorted(_codes(panel) - words.keys() if words else ()):
            yield panel.found(f"no word for the state {code}")


def _words(mappings: list[Json]) -> Mapping[str, Json]:
    """Return what is said of each value that is mapped by itself."""
    return {
        str(value): told
        for mapping in mappings
        if mapping.get("type") == "value"
        for value, told in mapping.get("options", {}).items()
    }


def _codes(panel: Panel) -> set[str]:
    """Return the numbers by which the queries of a panel tell states."""
    trees = (target.tree for target in panel.targets)
    return {f"{code:g}" for tree in trees if tree is not None for code in codes(tree)}


def _mapped(mappings: list[Json]) -> Iterator[str]:
    known = _words(mappings)
    for value, told in known.items():
        if not told.get("color"):
            yield f"the state {value!r} has no colour"
    words = {value for value in known if not re.fullmatch(r"-?\d+(\.\d+)?", value)}
    if words:
        nearest = max(VOCABULARIES.items(), key=lambda named: len(words & named[1]))
        yield from _compared(words, *nearest)


def _compared(words: set[str], name: str, vocabulary: frozenset[str]) -> Iterator[str]:
    if vocabulary - words:
        yield f"no word for {name} {sorted(vocabulary - words)}"
    if words - vocabulary:
        yield f"never a {name}: {sorted(words - vocabulary)}"


def _properties(panel: Panel) -> Iterator[tuple[Json, str, object]]:
    """Yield each property of an override with its matcher."""
    for override in panel.overrides:
        for prop in override.get("properties", ()):
            yield override.get("matcher", {}), str(prop.get("id", "")), prop.get("value")
