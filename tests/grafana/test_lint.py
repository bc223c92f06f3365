"""The dashboards as they are committed break no rule that `.lint` does not excuse."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.grafana.linter.board import Board, read
from tests.grafana.linter.links import address
from tests.grafana.linter.promql import plain
from tests.grafana.linter.queries import expressions
from tests.grafana.linter.rules import OF_ALL, OF_ONE, Broken, excluded, lint
from tests.support.promtool import promtool

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
LINT = ROOT / "grafana" / "dashboards" / ".lint"
RULES = ROOT / "alerts" / "prometheus" / "tunewatch.rules.yml"
OF_GRAFANA_ALONE = frozenset(
    {"template-job-rule", "template-instance-rule", "target-job-rule", "target-instance-rule"}
)
"""Rules of Grafana's own linter that ours has not, because none of our dashboards can obey them."""


@cache
def boards() -> tuple[Board, ...]:
    return tuple(read(path) for path in FILES)


@cache
def broken() -> tuple[Broken, ...]:
    return tuple(lint(boards()))


@cache
def exclusions() -> dict[str, Any]:
    return dict(yaml.safe_load(LINT.read_text(encoding="utf-8"))["exclusions"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dashboard_breaks_no_rule(path: Path) -> None:
    title = read(path).title
    left = [one for one in broken() if one.board == title and not excluded(one, exclusions())]
    assert [str(one) for one in left] == []


def test_every_exclusion_has_a_reason_and_excuses_something() -> None:
    for rule, excuse in exclusions().items():
        assert len(excuse["reason"]) > 20, rule
        if rule in OF_GRAFANA_ALONE:
            continue
        assert rule in {*OF_ONE, *OF_ALL}
        for entry in excuse.get("entries", [{}]):
            alone = {rule: {**excuse, "entries": [entry] if entry else []}}
            assert any(excluded(one, alone) for one in broken()), (rule, entry)


def test_the_oldest_prometheus_takes_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"dashboard:query:{number}", "expr": plain(expr)}
        for number, expr in enumerate(expr for b in boards() for _, _, expr in expressions(b))
    ]
    file = tmp_path / "queries.json"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    command = [promtool(), "check", "rules", "--lint=none", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def dashboard_urls() -> Iterator[str]:
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            yield rule["annotations"]["dashboard_url"]


def test_alerts_lead_to_dashboards_and_variables_that_exist() -> None:
    by_uid = {board.uid: board for board in boards()}
    urls = sorted(set(dashboard_urls()))
    assert urls
    assert [
        text for url in urls for text in address(re.sub(r"\{\{.*?\}\}", "x", url), by_uid)
    ] == []
