"""The PromQL cookbook: its questions, and `python -m tests.grafana.cookbook FOLDER` for answers.

FOLDER was recorded by `python -m tests.grafana.bed FOLDER`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.grafana.bed.record import Bed, recorded
from tests.support.project import ROOT

PAGE = ROOT / "grafana" / "COOKBOOK.md"
ROWS = 8
"""The most rows of an answer that the page shows."""
_RECIPE = re.compile(
    r"^## (?P<question>.+?)\n(?P<text>.*?)^```promql\n(?P<query>.*?)\n```\n"
    r"(?P<answer>(?:\n\|.*?\n(?=\n|\Z)(?:\n[^|#\n].*?\n)?)?)",
    re.MULTILINE | re.DOTALL,
)


class Recipe(NamedTuple):
    """A question, the query that answers it, and the columns of the answer that the page shows."""

    question: str
    query: str
    columns: tuple[str, ...]


def recipes() -> Sequence[Recipe]:
    """Return all recipes of the page."""
    return [
        Recipe(match["question"], match["query"], _columns(match["answer"]))
        for match in _RECIPE.finditer(PAGE.read_text(encoding="utf-8"))
    ]


def answered(bed: Bed, query: str) -> Sequence[Mapping[str, Any]]:
    """Ask a query at the end of the bed."""
    found: Sequence[Mapping[str, Any]] = bed.prometheus.instant(query, bed.times.end)["result"]
    return found


def columns(found: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the names of all labels of an answer in alphabetical order, and `result`."""
    return (*sorted({name for one in found for name in one["metric"]}), "result")


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """Return an answer as a table of Markdown."""
    names = columns(found)
    lines = [names, ("---",) * len(names), *(_row(one, names) for one in found[:ROWS])]
    told = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    more = f"\n\n… and {len(found) - ROWS} more" if len(found) > ROWS else ""
    return f"{told}{more}"


def _row(one: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    value = f"{float(one['value'][1]):.4g}"
    return (*(_cell(one["metric"].get(name, "")) for name in names[:-1]), value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _columns(text: str) -> tuple[str, ...]:
    head = text.strip().partition("\n")[0]
    return tuple(part.strip() for part in head.strip("|").split("|")) if head else ()


def write(bed: Bed) -> None:
    """Write the answers into the page."""

    def renewed(match: re.Match[str]) -> str:
        begin = match[0][: match.start("answer") - match.start()]
        return f"{begin}\n{table(answered(bed, match['query']))}\n"

    PAGE.write_text(_RECIPE.sub(renewed, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    with recorded(Path(sys.argv[1]).resolve()) as there:
        write(there)
