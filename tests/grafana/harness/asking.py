"""The queries of panels and annotations, asked of a Prometheus as Grafana's data source asks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.grafana.bed.prometheus import Prometheus
from tests.grafana.harness.boards import Document, Panel
from tests.grafana.harness.scope import Scope
from tests.grafana.harness.variables import SOURCE

POINTS = 500
"""How many points a panel of half a screen has room for."""


@dataclass(frozen=True)
class Answer:
    """What Prometheus said to one target: its `result`, by the type that Prometheus names."""

    target: Document
    query: str
    type: str
    result: Sequence[Mapping[str, Any]]


def ask(prometheus: Prometheus, panel: Panel, scope: Scope) -> Sequence[Answer]:
    """Ask all queries of a panel; raises RefusedError for one that Prometheus does not take."""
    points = panel.document.get("maxDataPoints") or POINTS
    least = _seconds(panel.document.get("interval"))
    answers = []
    for target in panel.targets:
        own = scope.for_panel(int(points), max(least, _seconds(target.get("interval"))))
        assert _source(panel, target) == "${datasource}", f"{panel.name} asks another data source"
        answers.append(_ask(prometheus, target, own))
    return answers


def annotate(prometheus: Prometheus, annotation: Document, scope: Scope) -> Answer:
    """Ask an annotation query."""
    target = annotation.get("target") or {}
    expr = annotation.get("expr") or target["expr"]
    step = _seconds(annotation.get("step") or target.get("interval"))
    own = scope.for_panel(POINTS, step)
    return _ask(prometheus, {**target, "expr": expr, "refId": "Anno"}, own)


def _ask(prometheus: Prometheus, target: Document, scope: Scope) -> Answer:
    unknown = scope.unknown(target["expr"])
    assert not unknown, f"no variables: {unknown} in {target['expr']}"
    query = scope.fill(target["expr"])
    if target.get("instant"):
        data = prometheus.instant(query, scope.end)
    else:
        # The data source begins and ends at multiples of the step, so that points do not wander.
        begin = math.floor(scope.begin / scope.step) * scope.step
        end = math.floor(scope.end / scope.step) * scope.step
        data = prometheus.range(query, begin, end, scope.step)
    return Answer(target, query, data["resultType"], data["result"])


def _source(panel: Panel, target: Document) -> str:
    source = target.get("datasource") or panel.document.get("datasource") or {}
    uid = str(source.get("uid", ""))
    return "${datasource}" if uid in ("${datasource}", "$datasource", SOURCE) else uid


def _seconds(text: object) -> float:
    """Return the seconds of a least step such as 15s, 0 for none or for a variable."""
    words = str(text or "0s").lstrip(">")
    if words.startswith("$"):
        return 0.0
    number, unit = words.rstrip("smh"), words[-1:]
    return float(number) * {"s": 1, "m": 60, "h": 3600}[unit]
