"""Queries as Grafana sends them: along the range or at its end, as curves or as rows."""

from __future__ import annotations

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat, QueryEditorMode

Target = prometheus.Dataquery

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


def curve(expr: str, legend: str, ref: str = "A") -> Target:
    """Return a query along the range, one curve for each series."""
    return _target(expr, ref).range().legend_format(legend)


def value(expr: str, legend: str = "", ref: str = "A") -> Target:
    """Return a query at the end of the range, one number for each series."""
    return _target(expr, ref).instant().legend_format(legend)


def rows(expr: str, ref: str = "A") -> Target:
    """Return a query at the end of the range, one row for each series, its labels as columns."""
    return _target(expr, ref).instant().format(PromQueryFormat.TABLE)


def rows_over_time(expr: str, ref: str = "A") -> Target:
    """Return a query along the range, one row for each point of each series."""
    return _target(expr, ref).range().format(PromQueryFormat.TABLE)


def _target(expr: str, ref: str) -> Target:
    target = prometheus.Dataquery().datasource(DATASOURCE).editor_mode(QueryEditorMode.CODE)
    return target.expr(expr).ref_id(ref)
