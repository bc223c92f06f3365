"""The queries of all dashboards, each with what it brings on the demonstration's data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.grafana.bed.record import Bed
from tests.grafana.harness.asking import Answer, ask
from tests.grafana.harness.boards import Dashboard, Panel
from tests.grafana.harness.scope import Scope
from tests.support.project import ROOT

PAGE = ROOT / "grafana" / "RESULTS.md"
_HEAD = """\
# What the queries of the dashboards bring

Every query of every panel, asked of a real Prometheus that scraped three tunewatch processes: eight
simulated H100 of which two idle, two more of which one is divided (MIG), and a node without a GPU.
Eight recorded runs were logged meanwhile, and the run role changed hands. Each query has the number
of series that it brought, the first of them and its last value.

This page is written by `UPDATE_GOLDEN=1 pytest tests/grafana/test_bed.py -k listed`.
"""
LONGEST = 160


def page(bed: Bed, chosen: Mapping[Dashboard, Sequence[Scope]]) -> str:
    """Return the page; of the scopes of a dashboard the first counts in which a query answers."""
    sections = (_section(bed, board, scopes) for board, scopes in chosen.items())
    return "\n".join([_HEAD, *sections])


def kept() -> Sequence[str]:
    """Return what the page lists as it is now; nothing where there is none."""
    return listed(PAGE.read_text(encoding="utf-8")) if PAGE.is_file() else []


def listed(text: str) -> Sequence[str]:
    """Return what a page lists: titles of dashboards and panels, and queries."""
    return re.findall(r"^##[^\n]*$|^```promql\n.*?^```$", text, re.MULTILINE | re.DOTALL)


def _section(bed: Bed, board: Dashboard, scopes: Sequence[Scope]) -> str:
    told = [f"## {board.document['title']}\n"]
    for panel in board.panels:
        if panel.targets:
            told.append(f"### {panel.document['title']}\n")
            told += _answers(bed, panel, scopes)
    return "\n".join(told)


def _answers(bed: Bed, panel: Panel, scopes: Sequence[Scope]) -> Iterator[str]:
    asked = [ask(bed.prometheus, panel, scope) for scope in scopes]
    for found in zip(*asked, strict=True):
        best = next((answer for answer in found if answer.result), found[0])
        yield f"```promql\n{best.target['expr']}\n```\n\n{_summary(best)}\n"


def _summary(answer: Answer) -> str:
    if not answer.result:
        return "Nothing on this data."
    first: Mapping[str, Any] = answer.result[0]
    value = first["values"][-1][1] if "values" in first else first["value"][1]
    labels = ", ".join(f"{k}={json.dumps(v)}" for k, v in first["metric"].items())
    short = labels if len(labels) <= LONGEST else f"{labels[:LONGEST]}…"
    return f"{len(answer.result)} series, such as `{{{short}}}`: {value}"
