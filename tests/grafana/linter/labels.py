"""Which labels the result of a query has, and where a query names a label that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from promql_parser import (
    AggModifierType,
    AggregateExpr,
    BinaryExpr,
    BinModifier,
    Call,
    Expr,
    LabelModifierType,
    NumberLiteral,
    StringLiteral,
    VectorMatchCardinality,
    VectorSelector,
)

from exporter.metrics.catalog import CATALOG
from exporter.metrics.family import Metric
from tests.grafana.linter.promql import children

TARGET = frozenset({"namespace", "pod", "container", "node", "instance", "job"})
"""What a scrape stamps on every series."""
OF_ALERTS = ("alertname", "alertstate", "severity", "rule")
SUBJECTS = ("experiment", "run_id", "run_name", "eval_set", "gpu", "uuid", "source")
FOREIGN: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("up", "gauge", "Whether the scrape succeeded"),
        Metric("scrape_duration_seconds", "gauge", "How long the scrape took"),
        Metric("scrape_samples_scraped", "gauge", "How many samples the target had"),
        Metric("ALERTS", "gauge", "Alerts of Prometheus", (*OF_ALERTS, *SUBJECTS)),
    )
}
"""What Prometheus itself adds."""
_KEEPS = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
"""Aggregations that pick series and leave them as they are."""
_FILTERS = frozenset({"and", "unless"})
_LITERALS = (NumberLiteral, StringLiteral)


def metrics_of(selector: VectorSelector) -> list[Metric]:
    """Return the metrics that a selector may mean; none where there is no such metric."""
    known = {**CATALOG, **FOREIGN}
    if selector.name:
        return [known[selector.name]] if selector.name in known else []
    patterns = [m.value for m in selector.matchers.matchers if m.name == "__name__"]
    named = (metric for name, metric in known.items() for p in patterns if re.fullmatch(p, name))
    return list(named)


class Labels:
    """Works out the labels of every part of a query; `problems` is what was wrong on the way."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def of(self, expr: Expr) -> frozenset[str]:
        """Return the labels that series of this part may have."""
        if isinstance(expr, VectorSelector):
            return self._selector(expr)
        if isinstance(expr, AggregateExpr):
            return self._aggregation(expr)
        if isinstance(expr, BinaryExpr):
            return self._binary(expr)
        if isinstance(expr, Call):
            return self._call(expr)
        return frozenset().union(*(self.of(child) for child in children(expr)))

    def _selector(self, selector: VectorSelector) -> frozenset[str]:
        metrics = metrics_of(selector)
        if not metrics:
            self.problems.append(f"no such metric: {selector}")
        labels = TARGET.union(*(metric.labels for metric in metrics))
        named = (matcher.name for matcher in selector.matchers.matchers)
        self._need((name for name in named if name != "__name__"), labels, str(selector))
        return labels

    def _aggregation(self, expr: AggregateExpr) -> frozenset[str]:
        inner = self.of(expr.expr)
        if expr.modifier is None:
            return inner if str(expr.op) in _KEEPS else frozenset()
        named = frozenset(expr.modifier.labels)
        if expr.modifier.type == AggModifierType.Without:
            return inner - named
        self._need(named, inner, f"{expr.op} by")
        return inner if str(expr.op) in _KEEPS else named

    def _call(self, call: Call) -> frozenset[str]:
        name = call.func.name
        if name == "label_replace":
            vector, into, _, source, _ = call.args
            return self._relabelled(vector, into, [source])
        if name == "label_join":
            vector, into, _, *sources = call.args
            return self._relabelled(vector, into, sources)
        labels = [self.of(argument) for argument in call.args]
        if name == "absent":
            return frozenset()
        return frozenset().union(*labels)

    def _relabelled(self, vector: Expr, into: Expr, sources: Iterable[Expr]) -> frozenset[str]:
        labels = self.of(vector)
        self._need(_strings(sources), labels, "label_replace or label_join")
        return labels.union(_strings([into]))

    def _binary(self, expr: BinaryExpr) -> frozenset[str]:
        left, right = self.of(expr.lhs), self.of(expr.rhs)
        operator = str(expr.op)
        if operator == "or" or _is_number(expr.lhs) or _is_number(expr.rhs):
            return left | right
        matched = self._matched(expr, left, right)
        if operator in _FILTERS:
            return left
        joined = expr.modifier and self._joined(expr.modifier, left, right)
        return joined or matched

    def _matched(
        self, expr: BinaryExpr, left: frozenset[str], right: frozenset[str]
    ) -> frozenset[str]:
        """Return the labels that two vectors are matched by."""
        operator, matching = str(expr.op), expr.modifier and expr.modifier.matching
        if not matching:
            if left != right and operator not in _FILTERS:
                self.problems.append(f"{operator}: {sorted(left)} never match {sorted(right)}")
            return left
        named = frozenset(matching.labels)
        if matching.type == LabelModifierType.Exclude:
            return left - named
        for side in (left, right):
            self._need(named, side, f"{operator} on")
        return named

    def _joined(
        self, modifier: BinModifier, left: frozenset[str], right: frozenset[str]
    ) -> frozenset[str]:
        """Return the labels of a join of many with one; empty where it is one with one."""
        many, one = left, right
        if modifier.card == VectorMatchCardinality.OneToMany:
            many, one = right, left
        elif modifier.card != VectorMatchCardinality.ManyToOne:
            return frozenset()
        taken = frozenset(modifier.group_labels or ())
        self._need(taken, one, "group_left or group_right")
        return many | taken

    def _need(self, named: Iterable[str], labels: frozenset[str], where: str) -> None:
        missing = sorted(set(named) - labels)
        if missing:
            self.problems.append(f"{where}: no label {', '.join(missing)}")


def _strings(exprs: Iterable[Expr]) -> Iterator[str]:
    for expr in exprs:
        if isinstance(expr, StringLiteral) and expr.val:
            yield expr.val


def _is_number(expr: Expr) -> bool:
    if isinstance(expr, _LITERALS):
        return True
    if isinstance(expr, Call):
        return expr.func.name in ("scalar", "time", "vector", "pi")
    inner = list(children(expr))
    return bool(inner) and not isinstance(expr, AggregateExpr) and all(map(_is_number, inner))
