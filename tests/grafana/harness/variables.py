"""What can be chosen for the variables of a dashboard, asked as Grafana asks for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from tests.grafana.bed.prometheus import Prometheus
from tests.grafana.harness.boards import Dashboard, Document
from tests.grafana.harness.scope import Scope, Value

SOURCE = "bed"
"""The uid of the only data source that there is."""
_LABEL_VALUES = re.compile(r"label_values\((?:(.+),\s*)?([a-zA-Z_]\w*)\)\s*", re.DOTALL)
_QUERY_RESULT = re.compile(r"query_result\((.+)\)\s*", re.DOTALL)


class Option(NamedTuple):
    """One choice: what a person reads, and what it stands for."""

    text: str
    value: str


Choose = Callable[[Document, Sequence[Option]], Value]
"""Chooses one of the options of a variable, which may be none."""


def options(prometheus: Prometheus, variable: Document, scope: Scope) -> Sequence[Option]:
    """Return the choices of one variable, without All, in their order."""
    kind = variable["type"]
    if kind == "datasource":
        return [Option("Prometheus", SOURCE)]
    if kind in ("custom", "interval"):
        return [_custom(part) for part in re.split(r"(?<!\\),", variable["query"])]
    if kind in ("textbox", "constant"):
        return [Option(variable["query"], variable["query"])]
    assert kind == "query", kind
    query = variable["query"]
    text = query if isinstance(query, str) else query["query"]
    assert not (unknown := scope.unknown(text)), f"{variable['name']} names {unknown}"
    found = _asked(prometheus, scope.fill(text), scope)
    return _sorted(_matched(found, variable.get("regex") or ""), variable.get("sort") or 0)


def choose(prometheus: Prometheus, dashboard: Dashboard, scope: Scope, pick: Choose) -> Scope:
    """Choose a value for each variable, in order: later ones may depend on those before."""
    for variable in dashboard.variables:
        found = options(prometheus, variable, scope)
        scope = scope.with_values(**{variable["name"]: pick(variable, found)})
    return scope


def everything(variable: Document, found: Sequence[Option]) -> Value:
    """Choose All where it can be chosen, else what Grafana chooses."""
    if not variable.get("includeAll"):
        return as_shipped(variable, found)
    if variable.get("allValue"):
        return Value((variable["allValue"],), listed=True, raw=True, words="All")
    return replace(several(found), words="All")


def as_shipped(variable: Document, found: Sequence[Option]) -> Value:
    """Choose what the file has chosen, else the first option."""
    chosen = (variable.get("current") or {}).get("value")
    if chosen in ("$__all", ["$__all"]):
        return everything(variable, found)
    if isinstance(chosen, str) and chosen and variable["type"] != "datasource":
        return single(variable, found, chosen)
    return single(variable, found, found[0].value if found else "")


def single(variable: Document, found: Sequence[Option], value: str) -> Value:
    """Choose one value."""
    listed = bool(variable.get("multi") or variable.get("includeAll"))
    words = next((option.text for option in found if option.value == value), value)
    return Value((value,), listed, words=words)


def several(found: Sequence[Option]) -> Value:
    """Choose all options one by one, so that each is quoted."""
    words = " + ".join(option.text for option in found)
    return Value(tuple(option.value for option in found) or ("",), listed=True, words=words)


def named(**wanted: str) -> Choose:
    """Return a chooser of these values by variable, which leaves the others as they are shipped."""

    def pick(variable: Document, found: Sequence[Option]) -> Value:
        if (value := wanted.get(variable["name"])) is not None:
            return single(variable, found, value)
        return as_shipped(variable, found)

    return pick


def _custom(part: str) -> Option:
    text, colon, value = part.strip().replace("\\,", ",").partition(" : ")
    return Option(text.strip(), value.strip() if colon else text.strip())


def _asked(prometheus: Prometheus, query: str, scope: Scope) -> Sequence[str]:
    if match := _LABEL_VALUES.fullmatch(query):
        return prometheus.label_values(match[2], match[1] or "", scope.begin, scope.end)
    match = _QUERY_RESULT.fullmatch(query)
    assert match, f"neither label_values() nor query_result(): {query}"
    found = prometheus.instant(match[1], scope.end)["result"]
    return [_line(one["metric"], one["value"]) for one in found]


def _line(metric: Mapping[str, str], value: Sequence[object]) -> str:
    labels = ",".join(f'{k}="{v}"' for k, v in metric.items() if k != "__name__")
    return f"{metric.get('__name__', '')}{{{labels}}} {value[1]} {value[0]}"


def _matched(lines: Sequence[str], regex: str) -> list[Option]:
    """Let a regular expression choose from lines; its groups `text` and `value` split them."""
    if not regex:
        return [Option(line, line) for line in lines]
    pattern = re.compile(regex.strip("/").replace("(?<", "(?P<"))
    found: dict[str, Option] = {}
    for match in filter(None, map(pattern.search, lines)):
        groups = match.groupdict()
        first = match[1] if pattern.groups else match[0]
        value = groups.get("value") or groups.get("text") or first
        found.setdefault(value, Option(groups.get("text") or value, value))
    return list(found.values())


def _sorted(found: Sequence[Option], order: int) -> Sequence[Option]:
    """Sort as the numbers of Grafana's `VariableSort` say: 0 is not at all, even is descending."""
    if not order:
        return found
    numeric = order in (3, 4)

    def key(option: Option) -> tuple[float, str]:
        number = re.search(r"\d+", option.text) if numeric else None
        text = option.text if order in (1, 2) else option.text.lower()
        return (float(number[0]) if number else 0.0, "" if numeric else text)

    return sorted(found, key=key, reverse=order % 2 == 0)
