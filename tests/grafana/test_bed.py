"""All queries of all dashboards, asked of a real Prometheus that scraped real processes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import pytest

from exporter.metrics.catalog import CATALOG
from tests.grafana import results
from tests.grafana.bed.cast import CAST
from tests.grafana.bed.record import Bed
from tests.grafana.cookbook import Recipe, answered, columns, recipes
from tests.grafana.harness import absent, node
from tests.grafana.harness.asking import annotate, ask
from tests.grafana.harness.boards import Dashboard, Document, Panel, dashboards
from tests.grafana.harness.scope import Scope
from tests.grafana.harness.variables import (
    as_shipped,
    choose,
    everything,
    named,
    options,
    several,
)

# The performance takes a while, on a busy machine longer.
pytestmark = pytest.mark.timeout(600)

BOARDS = dashboards()
PANELS = [panel for board in BOARDS for panel in board.panels]
BY_NAME = {board.name: board for board in BOARDS}
RECIPES = recipes()
QUIET_SECONDS = 3.0
LONG_AGO = 86_400.0

each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)


def whole(bed: Bed) -> Scope:
    return Scope(bed.times.begin, bed.times.end)


@cache
def scopes(bed: Bed, board: Dashboard) -> Sequence[Scope]:
    """Return what people may have chosen: All, each value quoted, and each run or GPU alone."""
    found = [choose(bed.prometheus, board, whole(bed), everything)]
    found.append(choose(bed.prometheus, board, whole(bed), _one_by_one))
    for variable in board.variables:
        if not variable.get("multi") and variable["type"] in ("query", "custom"):
            for option in options(bed.prometheus, variable, found[0]):
                pick = named(**{variable["name"]: option.value})
                found.append(choose(bed.prometheus, board, whole(bed), pick))
    return found


def _one_by_one(variable: Document, found: Sequence[Any]) -> Any:  # noqa: ANN401 - a chooser
    multi = variable.get("multi") and variable["type"] == "query"
    return several(found) if multi else as_shipped(variable, found)


def _absent(panel: Panel, target: Document) -> bool:
    key = f"{panel.dashboard}/{panel.document['id']}/{target['refId']}"
    return key in absent.PANELS or any(name in target["expr"] for name in absent.METRICS)


def test_there_are_dashboards() -> None:
    assert len(BOARDS) >= 5


def test_the_bed_has_what_it_is_for(bed: Bed) -> None:
    prometheus, times = bed.prometheus, bed.times
    leaders = prometheus.range("tunewatch_leader == 1", times.begin, times.end, 1.0)["result"]
    first, second = sorted([at for at, _ in one["values"]] for one in leaders)
    assert max(first) < min(second), "the run role changes hands"
    names = prometheus.instant("count by (run_name) (mlflow_run_info)", times.end)["result"]
    shown = {one["metric"]["run_name"]: float(one["value"][1]) for one in names}
    assert shown == {part.name: sum(p.name == part.name for p in CAST) for part in CAST}
    devices = prometheus.instant("count by (node) (nvidia_gpu_up)", times.end)["result"]
    assert {one["metric"]["node"] for one in devices} == {"gpu-1", "gpu-2"}
    assert prometheus.instant("nvidia_mig_info", times.end)["result"]
    assert not prometheus.instant("mlflow_run_info", times.begin)["result"]


def test_what_the_bed_cannot_have_it_has_not(bed: Bed) -> None:
    assert absent.METRICS.keys() <= CATALOG.keys()
    for name in absent.METRICS:
        assert not bed.prometheus.label_values("job", name, bed.times.begin, bed.times.end)


@each_board
def test_every_variable_has_something_to_choose(bed: Bed, board: Dashboard) -> None:
    for variable in board.variables:
        found = [options(bed.prometheus, variable, scope) for scope in scopes(bed, board)]
        assert any(found), variable["name"]
        for each in found:
            assert len({option.text for option in each}) == len(each), "two look the same"


@each_panel
def test_every_query_is_answered(bed: Bed, panel: Panel) -> None:
    missing = {target["refId"]: target for target in panel.targets}
    for scope in scopes(bed, BY_NAME[panel.dashboard]):
        for answer in ask(bed.prometheus, panel, scope):
            if answer.result:
                missing.pop(answer.target["refId"], None)
    unexpected = [t["expr"] for t in missing.values() if not _absent(panel, t)]
    assert not unexpected, "nothing in any of the scopes"


def test_targets_are_missing_only_while_they_are(bed: Bed) -> None:
    for name in absent.PANELS:
        dashboard, number, ref = name.split("/")
        [panel] = [p for p in BY_NAME[dashboard].panels if p.document["id"] == int(number)]
        for scope in scopes(bed, BY_NAME[dashboard]):
            answers = ask(bed.prometheus, panel, scope)
            assert not [a for a in answers if a.target["refId"] == ref and a.result], name


@each_panel
@pytest.mark.parametrize("ago", [0.0, LONG_AGO], ids=["no GPU and no runs", "nothing at all"])
def test_nothing_there_is_no_error(bed: Bed, panel: Panel, ago: float) -> None:
    end = bed.times.begin - ago
    scope = Scope(end - QUIET_SECONDS, end)
    chosen = choose(bed.prometheus, BY_NAME[panel.dashboard], scope, everything)
    ask(bed.prometheus, panel, chosen)


@each_board
def test_every_annotation_is_answered(bed: Bed, board: Dashboard) -> None:
    for annotation in board.annotations:
        found = [annotate(bed.prometheus, annotation, scope) for scope in scopes(bed, board)]
        assert any(answer.result for answer in found), annotation["name"]


@pytest.mark.long
@pytest.mark.parametrize("older", ["grafana-11", "grafana-12"])
def test_an_older_grafana_makes_the_same_of_it(bed: Bed, older: str) -> None:
    chosen = [(panel, scopes(bed, BY_NAME[panel.dashboard])[0]) for panel in PANELS]
    given = [node.answered(panel, ask(bed.prometheus, panel, scope)) for panel, scope in chosen]
    newest, found = node.run("columns.cjs", given), node.run("columns.cjs", given, older)
    differing = [p.name for p, a, b in zip(PANELS, newest, found, strict=True) if a != b]
    assert differing == []


@cache
def drawn(bed: Bed, board: Dashboard) -> Mapping[str, Sequence[Any]]:
    """Return what Grafana's own code makes of the answers in all scopes, by panel."""
    return transformed(bed, board, scopes(bed, board))


def transformed(bed: Bed, board: Dashboard, chosen: Sequence[Scope]) -> Mapping[str, Sequence[Any]]:
    given: dict[str, Panel] = {}
    for panel in board.panels:
        for scope in chosen:
            # Most of what can be chosen changes few panels.
            given[json.dumps(node.answered(panel, ask(bed.prometheus, panel, scope)))] = panel
    made: dict[str, list[Any]] = {}
    results = node.run("columns.cjs", [json.loads(text) for text in given])
    for panel, one in zip(given.values(), results, strict=True):
        assert "error" not in one, f"{panel.name}: {one['error']}"
        made.setdefault(panel.name, []).append(one)
    return made


def frames(bed: Bed, panel: Panel) -> Iterator[list[Any]]:
    """Yield the frames that a panel draws in the scopes that make a difference to it."""
    for one in drawn(bed, BY_NAME[panel.dashboard])[panel.name]:
        yield one["frames"]


def of_type(*types: str) -> pytest.MarkDecorator:
    """Return the marker of a test of the panels of these types."""
    found = [panel for panel in PANELS if panel.type in types]
    return pytest.mark.parametrize("panel", found, ids=lambda panel: panel.name)


@of_type("trend")
def test_curves_over_steps_can_be_drawn(bed: Bed, panel: Panel) -> None:
    x_name = panel.document["options"]["xField"]
    seen = 0
    for found in frames(bed, panel):
        assert len(found) == 1, "a trend panel takes one frame"
        columns = {column["name"]: column for column in found[0]}
        assert len(columns) == len(found[0]), "two columns of one name"
        if not (x := columns.pop(x_name, None)) or not x["values"]:
            continue
        assert x["type"] == "number"
        assert all(a < b for a, b in zip(x["values"], x["values"][1:], strict=False))
        assert columns
        for column in columns.values():
            assert column["type"] == "number"
            assert any(value is not None for value in column["values"])
        seen += len(columns)
    assert seen


@of_type("table")
def test_tables_have_their_columns_and_each_row_once(bed: Bed, panel: Panel) -> None:
    rows = 0
    for found in frames(bed, panel):
        assert len(found) <= 1, "a table shows one frame"
        for frame in found:
            names = [column["name"] for column in frame]
            assert len(set(names)) == len(names), names
            assert not [name for name in names if re.match(r"Time$|Value\b", name)]
            words = [column["values"] for column in frame if column["type"] == "string"]
            told = list(zip(*words, strict=True))
            assert len(set(told)) == len(told), "a row that is there twice"
            rows += len(told)
    assert rows


@of_type("timeseries", "state-timeline", "status-history")
def test_curves_over_time_can_be_told_apart(bed: Bed, panel: Panel) -> None:
    for found in frames(bed, panel):
        values = [column for frame in found for column in frame if column["type"] != "time"]
        names = [column["name"] for column in values]
        assert len(set(names)) == len(names), names
        assert all("{" not in name for name in names), "a legend is missing"


@each_panel
def test_every_exception_for_a_field_has_its_field(bed: Bed, panel: Panel) -> None:
    made = drawn(bed, BY_NAME[panel.dashboard])[panel.name]
    idle = set.intersection(*({str(one) for one in each["idle"]} for each in made))
    assert not idle, "overrides that match no field"


@each_board
@pytest.mark.parametrize("ago", [0.0, LONG_AGO], ids=["no GPU and no runs", "nothing at all"])
def test_nothing_there_is_no_error_for_transformations(
    bed: Bed, board: Dashboard, ago: float
) -> None:
    end = bed.times.begin - ago
    scope = Scope(end - QUIET_SECONDS, end)
    transformed(bed, board, [choose(bed.prometheus, board, scope, everything)])


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.question)
def test_every_recipe_of_the_cookbook_has_an_answer(bed: Bed, recipe: Recipe) -> None:
    found = answered(bed, recipe.query)
    assert found
    assert columns(found) == recipe.columns, "the page shows other columns"


def test_all_queries_are_listed_with_their_results(bed: Bed) -> None:
    page = results.page(bed, {board: scopes(bed, board) for board in BOARDS})
    wanted = results.listed(page)
    if os.environ.get("UPDATE_GOLDEN") and results.kept() != wanted:
        results.PAGE.write_text(page, encoding="utf-8")
    assert results.kept() == wanted, f"UPDATE_GOLDEN=1 rewrites {results.PAGE.name}"
