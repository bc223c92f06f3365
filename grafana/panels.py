"""Panels with our defaults: what they must say of themselves, and how they look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, statetimeline
from grafana_foundation_sdk.builders import stat as stats
from grafana_foundation_sdk.builders import timeseries as curves
from grafana_foundation_sdk.builders import trend as trends
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    DataSourceRef,
    VisibilityMode,
    VizOrientation,
)

from grafana.looks import BLUE, PLAIN, by_name, fixed, legend, one_by_one, steps, tooltip
from grafana.targets import DATASOURCE, Target

Panel = Builder[model.Panel]


@dataclass(frozen=True, slots=True)
class About:
    """What every panel must say of itself.

    `id` is unique on its dashboard and never given to another panel: links to panels name it.
    `description` says what a bad value means and what to do, `empty` why nothing may be there.
    """

    id: int
    title: str
    description: str
    unit: str
    empty: str


class _Describable(Protocol):
    """What the builders of all panels have in common."""

    def id(self, id_val: int) -> Self: ...
    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def no_value(self, no_value: str) -> Self: ...
    def datasource(self, datasource: DataSourceRef) -> Self: ...
    def targets(self, targets: list[Builder[Dataquery]]) -> Self: ...
    def span(self, w: int) -> Self: ...
    def height(self, h: int) -> Self: ...


P = TypeVar("P", bound=_Describable)


def described(panel: P, about: About, targets: tuple[Target, ...]) -> P:
    """Give a panel what it must say of itself, and its queries."""
    panel.id(about.id).title(about.title).description(about.description)
    return panel.unit(about.unit).no_value(about.empty).datasource(DATASOURCE).targets([*targets])


def timeseries(about: About, *targets: Target) -> curves.Panel:
    """Return curves over time."""
    panel = curves.Panel().color_scheme(one_by_one()).line_width(1).fill_opacity(0)
    panel.show_points(VisibilityMode.AUTO).legend(legend()).tooltip(tooltip())
    return described(panel, about, targets).span(12).height(8)


def trend(about: About, x_field: str, *targets: Target) -> trends.Panel:
    """Return curves over a number, each name with a colour that stays when others come and go.

    The data must come as one frame with `x_field` ascending.
    """
    panel = trends.Panel().color_scheme(by_name()).line_width(1).fill_opacity(0)
    panel.show_points(VisibilityMode.AUTO).legend(legend()).tooltip(tooltip())
    panel.x_field(x_field).span_nulls(span_nulls=True).max_data_points(1000)
    return described(panel, about, targets).span(12).height(8)


def stat(about: About, *targets: Target) -> stats.Panel:
    """Return single numbers, coloured only where the panel has thresholds or mappings."""
    panel = stats.Panel().thresholds(steps({None: PLAIN})).color_mode(BigValueColorMode.VALUE)
    panel.graph_mode(BigValueGraphMode.NONE).reduce_options(_last())
    return described(panel, about, targets).span(4).height(4)


def bars(about: About, *targets: Target) -> bargauge.Panel:
    """Return numbers beside one another as bars."""
    panel = bargauge.Panel().thresholds(steps({None: BLUE})).reduce_options(_last())
    panel.display_mode(BarGaugeDisplayMode.BASIC).orientation(VizOrientation.HORIZONTAL)
    return described(panel, about, targets).span(12).height(8)


def states(about: About, *targets: Target) -> statetimeline.Panel:
    """Return states along a line of time; mappings of the panel give words and colours."""
    panel = statetimeline.Panel().color_scheme(fixed(PLAIN)).show_value(VisibilityMode.AUTO)
    panel.merge_values(merge_values=True).row_height(0.8).fill_opacity(70).line_width(0)
    panel.legend(legend().show_legend(show_legend=False)).tooltip(tooltip())
    return described(panel, about, targets).span(24).height(6)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])
