"""Rules about links: they lead to dashboards and variables that exist, and keep what was chosen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.grafana.linter.board import Board, Finding, Json, Panel
from tests.grafana.linter.columns import columns

_ADDRESS = re.compile(r"/d/([\w-]+)")
_GIVEN = re.compile(r"var-(\w+)=")
_KEPT = re.compile(r"\$\{(\w+):queryparam\}")
_FIELD = re.compile(r"\$\{__data\.fields(?:\.([\w-]+)|\[\"([^\"]+)\"\])[^}]*\}")
TIME = "${__url_time_range}"
Boards = Mapping[str, Board]


def to_dashboards(board: Board, boards: Boards) -> Iterator[Finding]:
    """A link to a dashboard of ours names one that exists, with variables that it has."""
    for panel, link in _links(board):
        url = str(link.get("url", ""))
        yield from (_found(panel, text) for text in address(url, boards))
        if not _ADDRESS.search(url):
            continue
        for name in set(_KEPT.findall(url)) - board.variables.keys():
            yield _found(panel, f"{url}: ${name} is not defined here")
        if TIME not in url and not link.get("keepTime"):
            yield _found(panel, f"{url}: the time range is lost")
        if not link.get("includeVars") and "${datasource:queryparam}" not in url:
            yield _found(panel, f"{url}: the data source is lost")


def address(url: str, boards: Boards) -> Iterator[str]:
    """Yield what is wrong with an address, if it is one of a dashboard of ours."""
    for uid in _ADDRESS.findall(url):
        if uid not in boards:
            yield f"{url}: no dashboard {uid}"
            continue
        given = set(_GIVEN.findall(url)) | set(_KEPT.findall(url))
        for name in sorted(given - boards[uid].variables.keys()):
            yield f"{url}: {uid} has no variable {name}"


def to_others(board: Board, boards: Boards) -> Iterator[Finding]:
    """Each dashboard leads to the others, with the range and the choices kept."""
    listed = [link for link in board.json.get("links", ()) if link.get("type") == "dashboards"]
    if not listed:
        yield Finding("does not lead to the other dashboards")
    tags = [set(other.json.get("tags", ())) for other in boards.values()]
    for link in listed:
        if not (link.get("keepTime") and link.get("includeVars")):
            yield Finding(f"the link {link.get('title')!r} should keep time and variables")
        if not all(set(link.get("tags", ())) <= known for known in tags):
            yield Finding(f"the link {link.get('title')!r} does not find all dashboards")


def fields(board: Board) -> Iterator[Finding]:
    """A link takes its values from fields that the panel has."""
    for panel, link in _links(board):
        for dotted, quoted in _FIELD.findall(str(link.get("url", ""))):
            name = dotted or quoted
            if panel is None or name not in columns(panel):
                yield _found(panel, f"a link takes {name!r}, which is none of the fields")


def _links(board: Board) -> Iterator[tuple[Panel | None, Json]]:
    outside = {key: value for key, value in board.json.items() if key != "panels"}
    yield from ((None, link) for link in _with_url(outside))
    for panel in board.panels:
        own = {key: value for key, value in panel.json.items() if key != "panels"}
        yield from ((panel, link) for link in _with_url(own))


def _with_url(json: Any) -> Iterator[Json]:  # noqa: ANN401 - whatever JSON holds
    if isinstance(json, dict):
        if json.get("url"):
            yield json
        for value in json.values():
            yield from _with_url(value)
    elif isinstance(json, list):
        for value in json:
            yield from _with_url(value)


def _found(panel: Panel | None, text: str) -> Finding:
    return panel.found(text) if panel else Finding(text)
