"""Moments that dashboards mark on their curves."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from grafana.targets import DATASOURCE

Annotation = Builder[model.AnnotationQuery]


def moment(name: str, expr: str, title: str, color: str) -> Annotation:
    """Mark the times, in Unix seconds, that a vector has as its values.

    They are exact, however late they were scraped. `title` may name labels as `{{run}}`.
    """
    shown = dashboard.AnnotationQuery().name(name).datasource(DATASOURCE).enable(enable=True)
    shown.expr(f"({expr}) * 1000").use_value_for_time(use_value_for_time=True)
    return shown.title_format(title).icon_color(color).step("15s")
