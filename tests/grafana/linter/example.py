"""A small dashboard that breaks no rule, to be broken in tests."""

from __future__ import annotations

from typing import Any

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
DETAIL = (
    "/d/tunewatch-example?${datasource:queryparam}&var-uuid=${__data.fields.uuid}"
    "&${__url_time_range}"
)


def example() -> dict[str, Any]:
    """Return a new dashboard with a graph, a table, states, and a collapsed row."""
    return {
        "uid": "tunewatch-example",
        "title": "Example",
        "description": "What a rule looks at.",
        "tags": ["tunewatch"],
        "schemaVersion": 39,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": "browser",
        "time": {"from": "now-1h", "to": "now"},
        "links": [_others()],
        "annotations": {"list": [_alerts()]},
        "templating": {"list": [_datasource(), _uuid()]},
        "panels": [_graph(), _table(), _states(), _row()],
    }


def _others() -> dict[str, Any]:
    return {
        "type": "dashboards",
        "title": "tunewatch",
        "tags": ["tunewatch"],
        "keepTime": True,
        "includeVars": True,
    }


def _alerts() -> dict[str, Any]:
    return {"name": "Alerts", "datasource": SOURCE, "expr": 'ALERTS{alertstate="firing"}'}


def _datasource() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
    }


def _uuid() -> dict[str, Any]:
    return {
        "name": "uuid",
        "label": "GPU",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": "label_values(nvidia_gpu_info, uuid)", "refId": "uuid"},
        "refresh": 1,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
    }


def _query(expr: str, ref: str = "A", **more: object) -> dict[str, Any]:
    return {"refId": ref, "datasource": SOURCE, "expr": expr, **more}


def _panel(number: int, kind: str, title: str, **place: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": kind,
        "title": title,
        "description": "What is shown. What to do when it is bad.",
        "datasource": SOURCE,
        "gridPos": place,
    }


def _graph() -> dict[str, Any]:
    busy = 'rate(nvidia_gpu_busy_seconds_total{uuid=~"$uuid"}[$__rate_interval])'
    return {
        **_panel(1, "timeseries", "Busy", x=0, y=0, w=12, h=8),
        "fieldConfig": {
            "defaults": {"unit": "percentunit", "min": 0, "max": 1, "noValue": "no GPU"},
            "overrides": [
                {
                    "matcher": {"id": "byName", "options": "limit"},
                    "properties": [{"id": "color", "value": {"mode": "fixed"}}],
                }
            ],
        },
        "targets": [
            _query(f"max by (gpu, uuid) ({busy})", legendFormat="GPU {{gpu}}"),
            _query('max(tunewatch_threshold{rule="gpu_memory_high"})', "B", legendFormat="limit"),
        ],
    }


def _table() -> dict[str, Any]:
    links = [{"title": "One GPU", "url": DETAIL}]
    return {
        **_panel(2, "table", "All GPUs", x=12, y=0, w=12, h=8),
        "fieldConfig": {
            "defaults": {"noValue": "n/a"},
            "overrides": [
                {
                    "matcher": {"id": "byName", "options": "Memory"},
                    "properties": [{"id": "unit", "value": "bytes"}],
                },
                {
                    "matcher": {"id": "byName", "options": "uuid"},
                    "properties": [{"id": "links", "value": links}],
                },
            ],
        },
        "targets": [
            _query("max by (uuid) (nvidia_gpu_memory_used_bytes)", format="table", instant=True),
        ],
        "transformations": [{"id": "organize", "options": {"renameByName": {"Value": "Memory"}}}],
    }


def _states() -> dict[str, Any]:
    states = {
        "0": {"text": "as it should be", "color": "green"},
        "1": {"text": "held down", "color": "red"},
    }
    slowed = 'max by (gpu) (nvidia_gpu_throttle_active{uuid=~"$uuid",reason="hw_slowdown"})'
    return {
        **_panel(3, "state-timeline", "Throttled", x=0, y=8, w=24, h=8),
        "fieldConfig": {
            "defaults": {"mappings": [{"type": "value", "options": states}], "noValue": "n/a"},
        },
        "targets": [_query(slowed, legendFormat="GPU {{gpu}}")],
    }


def _row() -> dict[str, Any]:
    inner = {
        **_panel(5, "stat", "Processes", x=0, y=17, w=6, h=4),
        "fieldConfig": {"defaults": {"unit": "none", "noValue": "none"}},
        "targets": [_query("count(max by (node) (up))", legendFormat="processes")],
    }
    place = {"x": 0, "y": 16, "w": 24, "h": 1}
    return {
        "id": 4,
        "type": "row",
        "title": "Rare things",
        "collapsed": True,
        "gridPos": place,
        "panels": [inner],
    }
