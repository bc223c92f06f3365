"""A dashboard as one HTML page, from its JSON and what a real Prometheus answers to it."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.grafana.bed.prometheus import Prometheus
from tests.grafana.harness import node
from tests.grafana.harness.asking import annotate, ask
from tests.grafana.harness.boards import Dashboard, Panel
from tests.grafana.harness.scope import Scope
from tests.grafana.preview.layout import Box

HERE = Path(__file__).parent
UPLOT = node.FOLDER / "node_modules" / "uplot" / "dist"
CAPTION = (
    "A preview drawn from the dashboard's JSON and real answers of Prometheus. It is not Grafana, "
    "which looks better."
)


def page(prometheus: Prometheus, dashboard: Dashboard, scope: Scope, places: Sequence[Box]) -> str:
    """Return the page of a dashboard with what was chosen for its variables."""
    panels = [Panel(dashboard.name, box.document) for box in places if not box.is_row]
    ranged = [1000 * scope.begin, 1000 * scope.end]
    given = [{**node.answered(p, ask(prometheus, p, scope)), "range": ranged} for p in panels]
    models = iter(node.run("drawn.cjs", given))
    marks = list(_marks(prometheus, dashboard, scope))
    drawn = [_drawn(box, scope, None if box.is_row else next(models), marks) for box in places]
    document = {
        "title": dashboard.document["title"],
        "caption": CAPTION,
        "choices": _choices(dashboard, scope),
        "boxes": drawn,
    }
    return _html(document)


def _drawn(
    box: Box, scope: Scope, model: dict[str, Any] | None, marks: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    if model and model["kind"] == "curves" and model["time"]:
        model["annotations"] = marks
    return {
        "row": box.is_row,
        "title": scope.shown(box.document.get("title", "")),
        "at": {"left": box.left, "top": box.top, "width": box.width, "height": box.height},
        "model": model,
    }


def _choices(dashboard: Dashboard, scope: Scope) -> Sequence[Mapping[str, str]]:
    return [
        {
            "label": variable.get("label") or variable["name"],
            "text": scope.values[variable["name"]].words,
        }
        for variable in dashboard.variables
        if variable.get("hide", 0) != 2
    ]


def _marks(
    prometheus: Prometheus, dashboard: Dashboard, scope: Scope
) -> Iterator[Mapping[str, Any]]:
    """Yield the moments (milliseconds) that annotations mark."""
    for annotation in dashboard.annotations:
        if not annotation.get("enable", True):
            continue
        color = annotation.get("iconColor", "red")
        for series in annotate(prometheus, annotation, scope).result:
            yield from (
                {"at": at, "color": color} for at in {float(v) for _, v in series["values"]}
            )


def _html(document: Mapping[str, Any]) -> str:
    # `</` could end the script element before its time.
    told = json.dumps(document, ensure_ascii=False).replace("</", "<\\/")
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>{html.escape(document['title'])}</title>",
            f"<style>{(UPLOT / 'uPlot.min.css').read_text()}</style>",
            f"<style>{(HERE / 'page.css').read_text()}</style></head><body>",
            f'<script type="application/json" id="page">{told}</script>',
            f"<script>{(UPLOT / 'uPlot.iife.min.js').read_text()}</script>",
            f"<script>{(HERE / 'page.js').read_text()}</script></body></html>",
        ]
    )
