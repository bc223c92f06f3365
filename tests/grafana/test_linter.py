"""Every rule finds what it is there for, and nothing in a dashboard that is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.grafana.linter.board import Board, Finding
from tests.grafana.linter.example import DETAIL, example
from tests.grafana.linter.rules import OF_ALL, OF_ONE, Broken, excluded, lint

Change = Callable[[dict[str, Any]], object]


def found(change: Change) -> list[Broken]:
    json = example()
    change(json)
    return list(lint([Board(json)]))


def panel(json: dict[str, Any], title: str) -> dict[str, Any]:
    panels = [*json["panels"], *json["panels"][-1].get("panels", [])]
    return next(p for p in panels if p["title"] == title)


def graph(**changed: object) -> Change:
    """Change the first panel, a graph."""
    return lambda json: panel(json, "Busy").update(changed)


def defaults(title: str, **changed: object) -> Change:
    return lambda json: panel(json, title)["fieldConfig"]["defaults"].update(changed)


def query(expr: str, title: str = "Busy", **changed: object) -> Change:
    """Change the first query of a panel."""
    return lambda json: panel(json, title)["targets"][0].update({"expr": expr, **changed})


def variable(place: int, **changed: object) -> Change:
    return lambda json: json["templating"]["list"][place].update(changed)


def override(title: str, matcher: str, options: str, **prop: object) -> Change:
    properties = [{"id": name, "value": value} for name, value in prop.items()]
    added = {"matcher": {"id": matcher, "options": options}, "properties": properties or [{}]}
    return lambda json: panel(json, title)["fieldConfig"]["overrides"].append(added)


def mapped(**states: str) -> Change:
    options = {value: {"text": value, "color": color} for value, color in states.items()}
    return defaults("Throttled", mappings=[{"type": "value", "options": options}])


def linked(url: str) -> Change:
    return override("All GPUs", "byName", "uuid", links=[{"title": "", "url": url}])


def moved(title: str, **place: int) -> Change:
    return lambda json: panel(json, title)["gridPos"].update(place)


BUSY = "nvidia_gpu_busy_seconds_total"
USED = "nvidia_gpu_memory_used_bytes"
BROKEN: list[tuple[str, Change]] = [
    ("settings", lambda json: json.update(editable=True)),
    ("settings", lambda json: json.update(time={"from": "now-1h", "to": "now-5m"})),
    ("settings", lambda json: json.update(refresh="1s")),
    ("settings", lambda json: json.update(schemaVersion=38)),
    ("settings", lambda json: json.update(__inputs=[])),
    ("address", lambda json: json.update(uid="Gpus")),
    ("ids", graph(id=2)),
    ("ids", graph(id=None)),
    ("titles", graph(title="")),
    ("titles", graph(title="All GPUs")),
    ("places", moved("Busy", w=13)),
    ("places", moved("All GPUs", x=13)),
    ("places", moved("Processes", y=16)),
    ("places", graph(gridPos={})),
    ("places", lambda json: panel(json, "Rare things").update(collapsed=False)),
    ("panel-datasource-rule", graph(datasource={"type": "prometheus", "uid": "abc"})),
    ("panel-datasource-rule", query("vector(1)", datasource=None)),
    ("panel-datasource-rule", variable(0, query="loki")),
    ("panel-datasource-rule", variable(0, label="Prometheus")),
    ("panel-datasource-rule", variable(1, datasource=None)),
    ("panel-no-targets-rule", graph(targets=[])),
    ("panel-no-targets-rule", query("vector(1)", refId="B")),
    ("target-promql-rule", query("max by (gpu) (nvidia_gpu_info")),
    ("target-promql-rule", query("max by (gpu) (nvidia_gpu_inf)")),
    ("target-promql-rule", query('max(nvidia_gpu_info{nodename="a"})')),
    ("target-promql-rule", query("max by (nodename) (nvidia_gpu_info)")),
    ("target-promql-rule", query(f"max by (gpu) ({USED}) / max by (uuid) ({USED})")),
    ("target-promql-rule", query(f"max by (gpu) ({USED}) * on (uuid) max by (uuid) ({USED})")),
    ("target-promql-rule", query('max by (x) (label_replace(up, "y", "$1", "node", "(.*)"))')),
    ("target-promql-rule", variable(1, query={"query": "label_values(nvidia_gpu_info, name2)"})),
    ("target-counter-agg-rule", query(f"max by (gpu) ({BUSY})")),
    ("target-counter-agg-rule", query(f"max by (gpu) (rate({USED}[$__rate_interval]))")),
    ("target-rate-interval-rule", query(f"max by (gpu) (rate({BUSY}[5m]))")),
    ("target-rate-interval-rule", query(f"max by (gpu) (rate({BUSY}[$__range]))")),
    ("target-rate-interval-rule", query(f"max by (gpu) (max_over_time({USED}[5m]))")),
    ("target-rate-interval-rule", query(f"max_over_time((max by (gpu) ({USED}))[5m:1m])")),
    ("lasting", query("nvidia_gpu_info", legendFormat="{{gpu}}")),
    ("lasting", query("max by (pod, gpu) (nvidia_gpu_info)")),
    ("legends", query("max by (uuid) (nvidia_gpu_info)")),
    ("legends", query("max by (gpu) (nvidia_gpu_info)", legendFormat="")),
    ("variables", lambda json: json.update(title="$run")),
    ("variables", lambda json: json["templating"]["list"].append({"name": "spare", "label": "x"})),
    ("variables", variable(1, label="")),
    ("choices", variable(1, refresh=0)),
    ("choices", variable(1, sort=0)),
    ("choices", variable(1, allValue=None)),
    ("matchers", query('max by (gpu) (nvidia_gpu_info{uuid="$uuid"})')),
    ("panel-title-description-rule", graph(description="Only what is shown.")),
    ("absence", defaults("Busy", noValue="")),
    ("panel-units-rule", defaults("Busy", unit="")),
    ("panel-units-rule", defaults("Busy", unit="procent")),
    ("panel-units-rule", lambda json: panel(json, "All GPUs").update(transformations=[])),
    ("bounds", defaults("Busy", min=None)),
    ("bounds", lambda json: panel(json, "Busy")["fieldConfig"]["defaults"].pop("max")),
    ("states", mapped(RUNNING="blue", FINISHED="green", FAILED="red", KILLED="red")),
    ("states", mapped(critical="red", warning="orange", info="blue", panic="red")),
    ("states", mapped(critical="red", warning="orange", info="")),
    ("states", mapped()),
    ("states", query("max by (node) (up) * 1 or max by (node) (up) * 2", "Throttled")),
    ("overrides", override("Busy", "byName", "ceiling")),
    ("overrides", override("All GPUs", "byName", "Value")),
    ("overrides", override("All GPUs", "byRegexp", "/^ECC/")),
    ("overrides", override("Busy", "byFrameRefID", "Z")),
    (
        "overrides",
        lambda json: panel(json, "All GPUs")["transformations"].append(
            {"id": "sortBy", "options": {"sort": [{"field": "Value"}]}}
        ),
    ),
    ("link-fields", linked(DETAIL.replace("fields.uuid", "fields.serial"))),
    ("link-targets", linked(DETAIL.replace("example", "exempel"))),
    ("link-targets", linked(DETAIL.replace("var-uuid", "var-gpu"))),
    ("link-targets", linked(DETAIL.replace("${datasource:queryparam}&", ""))),
    ("link-targets", linked(DETAIL.replace("&${__url_time_range}", ""))),
    ("link-targets", linked(DETAIL + "&${run:queryparam}")),
    ("link-others", lambda json: json.update(links=[])),
    ("link-others", lambda json: json["links"][0].update(keepTime=False)),
    ("link-others", lambda json: json["links"][0].update(tags=["gpu"])),
]


def test_a_dashboard_that_is_right_breaks_no_rule() -> None:
    assert [str(broken) for broken in found(lambda _: None)] == []


@pytest.mark.parametrize(
    ("rule", "change"), BROKEN, ids=[f"{i}-{rule}" for i, (rule, _) in enumerate(BROKEN)]
)
def test_a_rule_finds_what_it_is_there_for(rule: str, change: Change) -> None:
    assert rule in {broken.rule for broken in found(change)}


def test_every_rule_is_tried() -> None:
    assert {rule for rule, _ in BROKEN} == {*OF_ONE, *OF_ALL}


@pytest.mark.parametrize(
    "expr",
    [
        f"max by (gpu) (increase({BUSY}[$__range]))",
        f'max by (gpu) ({USED} / on (uuid, node) group_left () nvidia_gpu_info{{name="x"}})',
        'max by (gpu, name) (nvidia_gpu_info) or label_replace(max(up), "gpu", "none", "", "")',
        "last_over_time((max by (gpu) (nvidia_gpu_info))[$__range:1m])",
        "topk by (uuid) (1, max by (gpu, uuid) (timestamp(nvidia_gpu_info)))",
        "time() - max by (gpu) (nvidia_gpu_last_success_timestamp_seconds)",
        'max by (gpu) ({__name__=~"nvidia_(gpu|mig)_memory_used_bytes"})',
    ],
)
def test_a_query_that_is_right_breaks_no_rule(expr: str) -> None:
    assert [str(broken) for broken in found(query(expr))] == []


@pytest.mark.parametrize(
    ("entry", "holds"),
    [
        ({"dashboard": "Example"}, True),
        ({"dashboard": "Example", "panel": "Busy", "targetIdx": "1"}, True),
        ({"dashboard": "Other"}, False),
        ({"panel": "All GPUs"}, False),
        ({"targetIdx": "0"}, False),
    ],
)
def test_an_exclusion_covers_what_its_entry_names(entry: dict[str, str], *, holds: bool) -> None:
    broken = Broken("ids", "Example", Finding("text", "Busy", 1))
    assert excluded(broken, {"ids": {"reason": "", "entries": [entry]}}) is holds


def test_an_exclusion_without_entries_covers_all_that_the_rule_finds() -> None:
    broken = Broken("ids", "Example", Finding("text"))
    assert excluded(broken, {"ids": {"reason": ""}})
    assert not excluded(broken, {"titles": {"reason": ""}})
