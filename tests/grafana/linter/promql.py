"""What a query says: its tree, with Grafana's variables replaced by something of their kind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cache
from typing import NamedTuple

from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
    parse,
)

RATE_INTERVAL = timedelta(seconds=1009)
"""Stands for `$__rate_interval`; no query of ours has this length."""
RANGES: Mapping[str, timedelta] = {
    "__rate_interval": RATE_INTERVAL,
    "__range": timedelta(seconds=5003),
    "__interval": timedelta(seconds=307),
}
ANY_RANGE = timedelta(seconds=211)
"""Stands for a variable that the user sets to a duration."""
VARIABLE = re.compile(r"\$(?:\{(\w+)(?:\.[\w.]+)?(?::[\w-]+)?\}|([A-Za-z_]\w*))")
"""`$name`, `${name}` or `${name:format}`; `$1` is a group of a regular expression."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\[[^]]*\]|' + VARIABLE.pattern)


class Selected(NamedTuple):
    """One selector: its range (None for an instant), and the functions around it, inmost first."""

    selector: VectorSelector
    range: timedelta | None
    functions: tuple[str, ...]


def variables(text: str) -> Iterator[str]:
    """Yield the variables that a text names."""
    for named in VARIABLE.finditer(text):
        yield named[1] or named[2]


def plain(expr: str) -> str:
    """Replace variables: in brackets by durations, bare by a number; in strings they may stay."""
    return _TOKEN.sub(_replaced, expr)


def _replaced(token: re.Match[str]) -> str:
    text = token[0]
    if text.startswith('"'):
        return text
    if text.startswith("["):
        return VARIABLE.sub(lambda named: _seconds(named[1] or named[2]), text)
    return "1"


def _seconds(variable: str) -> str:
    return f"{RANGES.get(variable, ANY_RANGE).total_seconds():.0f}s"


@cache
def tree(expr: str) -> Expr:
    """Parse a query of a dashboard; raises ValueError where it is not PromQL."""
    return parse(plain(expr))  # type: ignore[no-any-return,unused-ignore] # its stubs are untyped


def children(expr: Expr) -> Iterator[Expr]:
    """Yield the operands of a node."""
    if isinstance(expr, BinaryExpr):
        yield from (expr.lhs, expr.rhs)
    elif isinstance(expr, Call):
        yield from expr.args
    elif isinstance(expr, MatrixSelector):
        yield expr.vector_selector
    elif isinstance(expr, (AggregateExpr, ParenExpr, SubqueryExpr, UnaryExpr)):
        yield expr.expr
        if isinstance(expr, AggregateExpr) and isinstance(expr.param, Expr):
            yield expr.param


def selected(
    expr: Expr, functions: tuple[str, ...] = (), within: timedelta | None = None
) -> Iterator[Selected]:
    """Yield all selectors of a query with what is around them."""
    if isinstance(expr, VectorSelector):
        yield Selected(expr, within, functions)
        return
    if isinstance(expr, Call):
        functions = (expr.func.name, *functions)
    elif isinstance(expr, AggregateExpr):
        functions = (str(expr.op), *functions)
    if isinstance(expr, MatrixSelector):
        within = expr.range
    for child in children(expr):
        yield from selected(child, functions, within)


def subqueries(expr: Expr) -> Iterator[SubqueryExpr]:
    """Yield the subqueries of a query."""
    if isinstance(expr, SubqueryExpr):
        yield expr
    for child in children(expr):
        yield from subqueries(child)


def codes(expr: Expr) -> Iterator[float]:
    """Yield the numbers that a query tells states by: the factors of the parts joined by `or`."""
    if isinstance(expr, BinaryExpr) and str(expr.op) == "*" and isinstance(expr.rhs, NumberLiteral):
        yield expr.rhs.val
    elif not isinstance(expr, BinaryExpr) or str(expr.op) == "or":
        for child in children(expr):
            yield from codes(child)
