"""Rules about queries: they ask for what is exported, in a way that holds over restarts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from promql_parser import Expr

from tests.grafana.linter.board import Board, Finding, Json, Target
from tests.grafana.linter.labels import Labels, metrics_of
from tests.grafana.linter.promql import (
    ANY_RANGE,
    RANGES,
    RATE_INTERVAL,
    selected,
    subqueries,
    tree,
)

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
OF_COUNTERS = frozenset({"rate", "irate", "increase", "resets"})
PASSING = frozenset({"pod", "container", "namespace", "job"})
"""Target labels that say nothing about a GPU or a run, and change when a pod is replaced."""
ALONE = frozenset({"stat", "gauge"})
"""Panels whose number needs no name."""
LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def datasource(board: Board) -> Iterator[Finding]:
    """One variable chooses the Prometheus; panels, queries, variables and annotations obey it."""
    variable = board.variables.get("datasource", {})
    if (variable.get("type"), variable.get("query")) != ("datasource", "prometheus"):
        yield Finding("has no variable `datasource` that chooses a Prometheus")
    if variable.get("label") != "Data source":
        yield Finding("the variable `datasource` should be labelled Data source")
    for finding, asked in _askers(board):
        if asked.get("datasource") != DATASOURCE:
            yield finding


def _askers(board: Board) -> Iterator[tuple[Finding, Json]]:
    """Yield all that asks a data source, with what to say if it is another one."""
    text = "should ask ${datasource}"
    yield from ((panel.found(text), panel.json) for panel in board.panels if panel.shows_data)
    yield from ((target.found(text), target.json) for target in board.targets)
    for name, variable in board.variables.items():
        if variable.get("type") == "query":
            yield Finding(f"the variable {name} {text}"), variable
    for annotation in board.annotations:
        yield Finding(f"the annotation {annotation.get('name')} {text}"), annotation


def present(board: Board) -> Iterator[Finding]:
    """A panel that shows data asks for some, each query under a letter of its own."""
    for panel in board.panels:
        refs = [target.ref for target in panel.targets]
        if panel.shows_data and not refs:
            yield panel.found("asks nothing")
        if len(set(refs)) != len(refs) or not all(refs):
            yield panel.found(f"refIds should be distinct: {refs}")


_VARIABLE = re.compile(r"(?:label_values|query_result)\((.*?)(?:, *(\w+))?\)", re.DOTALL)


def expressions(board: Board) -> Iterator[tuple[Target | None, str, str]]:
    """Yield all PromQL of a dashboard: with its query, or else with a word on where it stands."""
    yield from ((target, "", target.expr) for target in board.targets)
    for annotation in board.annotations:
        yield None, f"annotation {annotation.get('name')}: ", str(annotation.get("expr", ""))
    for name, variable in board.variables.items():
        asked = variable.get("query", "")
        text = str(asked.get("query", "") if isinstance(asked, dict) else asked)
        call = _VARIABLE.fullmatch(text)
        if variable.get("type") == "query":
            selector, label = (call[1], call[2]) if call else (text, None)
            by = f"max by ({label}) ({selector})" if label else selector
            yield None, f"variable {name}: ", by


def promql(board: Board) -> Iterator[Finding]:
    """Every query is PromQL that asks for metrics of the catalog by labels that they have."""
    for target, where, expr in expressions(board):
        labels = Labels()
        try:
            labels.of(tree(expr))
        except ValueError as error:
            labels.problems = [f"{error}: {expr}"]
        for problem in labels.problems:
            yield _found(target, where + problem)


def counters(board: Board) -> Iterator[Finding]:
    """A counter is shown by its growth, and only a counter is."""
    for target, where, tree_ in _trees(board):
        for found in selected(tree_):
            inmost = found.functions[0] if found.functions else ""
            for metric in metrics_of(found.selector):
                if (metric.kind == "counter") != (inmost in OF_COUNTERS):
                    text = f"{metric.name} is a {metric.kind} inside {inmost or 'nothing'}"
                    yield _found(target, where + text)


def ranges(board: Board) -> Iterator[Finding]:
    """Rates look back as far as `$__rate_interval` says, and nothing over a fixed time."""
    known = {None, ANY_RANGE, *RANGES.values()}
    for target, where, tree_ in _trees(board):
        for found in selected(tree_):
            rated = found.functions[:1] in (("rate",), ("irate",))
            if rated and found.range != RATE_INTERVAL:
                yield _found(target, f"{where}rate over something else than $__rate_interval")
            elif found.range not in known:
                yield _found(target, f"{where}a fixed range: {found.selector}")
        for subquery in subqueries(tree_):
            if subquery.range not in known:
                yield _found(target, f"{where}a fixed range: {subquery.prettify()}")


def lasting(board: Board) -> Iterator[Finding]:
    """A series goes on when its pod is replaced: what only the pod has is aggregated away."""
    for target, where, tree_ in _trees(board):
        passing = sorted(Labels().of(tree_) & PASSING) if target else ()
        if passing:
            yield _found(target, f"{where}series end with their pod: aggregate {passing} away")


def legends(board: Board) -> Iterator[Finding]:
    """A legend names labels that the result has; of several series it names at least one."""
    for target in board.targets:
        if target.is_table or target.tree is None or target.panel.kind in ALONE:
            continue
        labels = Labels().of(target.tree)
        named = set(LEGEND.findall(target.legend))
        if named - labels:
            yield target.found(f"the legend names no labels of the result: {named - labels}")
        if labels and not named and target.legend in ("", "__auto"):
            yield target.found(f"the legend should tell series apart by {sorted(labels)}")


def _trees(board: Board) -> Iterator[tuple[Target | None, str, Expr]]:
    for target, where, expr in expressions(board):
        try:
            yield target, where, tree(expr)
        except ValueError:
            continue


def _found(target: Target | None, text: str) -> Finding:
    return target.found(text) if target else Finding(text)
