"""Rules about variables: all that are used exist, all that exist are used, each rightly."""

from __future__ import annotations

import json
from collections.abc import Iterator

from promql_parser import MatchOp

from tests.grafana.linter.board import Board, Finding
from tests.grafana.linter.promql import selected, variables

BUILT_IN = frozenset(
    {
        *("__rate_interval", "__range", "__range_s", "__range_ms", "__interval", "__interval_ms"),
        *("__data", "__field", "__value", "__series", "__url_time_range", "__from", "__to"),
        *("__dashboard", "__all", "__all_variables", "timeFilter"),
    }
)


def used(board: Board) -> set[str]:
    """Return the variables that anything names, but for a variable that names itself."""
    named = set(variables(json.dumps({**board.json, "templating": {}})))
    named |= {str(panel.json["repeat"]) for panel in board.panels if panel.json.get("repeat")}
    for name, variable in board.variables.items():
        named |= set(variables(json.dumps(variable))) - {name}
    return {name for name in named if not name.isdigit()} - BUILT_IN


def defined(board: Board) -> Iterator[Finding]:
    """Every variable is defined, used, and has a label for people."""
    names = used(board)
    yield from (Finding(f"no such variable: ${name}") for name in names - board.variables.keys())
    yield from (Finding(f"nothing uses ${name}") for name in board.variables.keys() - names)
    for name, variable in board.variables.items():
        if not variable.get("label") and variable.get("hide") != 2:
            yield Finding(f"the variable {name} has no label")


def choices(board: Board) -> Iterator[Finding]:
    """Lists are sorted and looked up anew; *All* is a pattern, not a list of everything."""
    for name, variable in board.variables.items():
        if variable.get("type") != "query":
            continue
        if variable.get("refresh") not in (1, 2):
            yield Finding(f"the variable {name} is never looked up anew")
        if not variable.get("sort"):
            yield Finding(f"the variable {name} is not sorted")
        if variable.get("includeAll") and variable.get("allValue") not in (".+", ".*"):
            yield Finding(f"All of {name} should be a pattern: {variable.get('allValue')!r}")


def matchers(board: Board) -> Iterator[Finding]:
    """A variable with several values, or All, is compared as a pattern."""
    several = {
        name
        for name, variable in board.variables.items()
        if variable.get("multi") or variable.get("includeAll")
    }
    for target in board.targets:
        found = selected(target.tree) if target.tree else ()
        for matcher in (m for one in found for m in one.selector.matchers.matchers):
            is_pattern = matcher.op in (MatchOp.Re, MatchOp.NotRe)
            if not is_pattern and several.intersection(variables(matcher.value)):
                yield target.found(f"{matcher} should be a pattern (=~)")
