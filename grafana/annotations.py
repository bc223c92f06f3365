"""Moments that dashboards mark on their curves."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from grafana.queries import max_by
from grafana.targets import DATASOURCE

Annotation = Builder[model.AnnotationQuery]


def moment(name: str, expr: str, title: str, color: str) -> Annotation:
    """Mark the times, in Unix seconds, that a vector has as its values.

    They are exact, however late they were scraped. `title` may name labels as `{{run}}`.
    """
    return _annotation(name, f"({expr}) * 1000", title, color).use_value_for_time(
        use_value_for_time=True
    )


def lasting(name: str, expr: str, title: str, color: str) -> Annotation:
    """Mark how long a vector has something, each series of it as one stretch of time."""
    return _annotation(name, expr, title, color)


def begins(name: str, labels: Sequence[str], selected: str, title: str, color: str) -> Annotation:
    """Mark when the series of a selector begin, told apart by `labels`, as their first minute.

    For what may last for days: whole stretches of time would cover the curves. Beyond two days,
    where the steps of the answer are longer than that minute, some are not met.
    """
    before = max_by(labels, f"{selected} offset 1m")
    return _annotation(name, f"{max_by(labels, selected)} unless {before}", title, color)


def _annotation(name: str, expr: str, title: str, color: str) -> dashboard.AnnotationQuery:
    shown = dashboard.AnnotationQuery().name(name).datasource(DATASOURCE).enable(enable=True)
    return shown.expr(expr).title_format(title).icon_color(color).step("15s")
