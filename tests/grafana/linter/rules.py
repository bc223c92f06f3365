"""All rules by name, and what they find in a set of dashboards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tests.grafana.linter import fields, frame, links, queries, variables
from tests.grafana.linter.board import Board, Finding

OF_ONE: Mapping[str, Callable[[Board], Iterator[Finding]]] = {
    "settings": frame.settings,
    "address": frame.address,
    "ids": frame.ids,
    "titles": frame.titles,
    "places": frame.places,
    "panel-datasource-rule": queries.datasource,
    "panel-no-targets-rule": queries.present,
    "target-promql-rule": queries.promql,
    "target-counter-agg-rule": queries.counters,
    "target-rate-interval-rule": queries.ranges,
    "lasting": queries.lasting,
    "legends": queries.legends,
    "variables": variables.defined,
    "choices": variables.choices,
    "matchers": variables.matchers,
    "panel-title-description-rule": fields.descriptions,
    "absence": fields.absence,
    "panel-units-rule": fields.units,
    "bounds": fields.bounds,
    "states": fields.states,
    "overrides": fields.overrides,
    "link-fields": links.fields,
}
"""Those that look at one dashboard; where Grafana's own linter has such a rule, by its name."""
OF_ALL: Mapping[str, Callable[[Board, links.Boards], Iterator[Finding]]] = {
    "link-targets": links.to_dashboards,
    "link-others": links.to_others,
}
"""Those that need to know the other dashboards."""


class Broken(NamedTuple):
    """A rule that a dashboard breaks."""

    rule: str
    board: str
    finding: Finding

    def __str__(self) -> str:
        """Say which rule is broken where and how, in one line."""
        place = " / ".join(filter(None, (self.board, self.finding.panel)))
        query = "" if self.finding.target is None else f" [query {self.finding.target}]"
        return f"{self.rule}: {place}{query}: {self.finding.text}"


def lint(boards: Iterable[Board]) -> Iterator[Broken]:
    """Yield all that is wrong with dashboards that link to one another."""
    by_uid = {board.uid: board for board in boards}
    for board in by_uid.values():
        for name, rule in OF_ONE.items():
            yield from (Broken(name, board.title, finding) for finding in rule(board))
        for name, other in OF_ALL.items():
            yield from (Broken(name, board.title, finding) for finding in other(board, by_uid))


def excluded(broken: Broken, exclusions: Mapping[str, Any]) -> bool:
    """Tell whether `.lint` excuses this: for all dashboards, or for those of its entries."""
    excuse = exclusions.get(broken.rule)
    if excuse is None:
        return False
    entries = excuse.get("entries", ())
    return not entries or any(_covers(entry, broken) for entry in entries)


def _covers(entry: Mapping[str, Any], broken: Broken) -> bool:
    target = broken.finding.target
    known = {
        "dashboard": broken.board,
        "panel": broken.finding.panel,
        "targetIdx": None if target is None else str(target),
    }
    return all(str(entry[key]) == value for key, value in known.items() if key in entry)
