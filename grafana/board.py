"""A dashboard's frame: what all of ours have in common around their panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from grafana import variables
from grafana.annotations import Annotation
from grafana.panels import Panel
from grafana.variables import Variable

TAG = "tunewatch"


@dataclass(frozen=True, slots=True)
class Row:
    """A headed group of panels; a collapsed one holds what is rarely asked for."""

    id: int
    title: str
    panels: Sequence[Panel]
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard.

    `file` is its name under `dashboards/`, `uid` what links name, `since` where its range begins
    at first, such as `now-12h`. `panels` stand above all rows; each line of them is 24 wide.
    """

    file: str
    uid: str
    title: str
    description: str
    since: str
    variables: Sequence[Variable] = ()
    annotations: Sequence[Annotation] = ()
    panels: Sequence[Panel] = ()
    rows: Sequence[Row] = ()
    links: Sequence[dashboard.DashboardLink] = ()

    def build(self) -> model.Dashboard:
        """Return the dashboard as Grafana's model has it."""
        built = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags([TAG])
            .readonly()
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
            .time(self.since, "now")
            .refresh("30s")
            .variables([variables.datasource(), *self.variables])
            .annotations([*self.annotations])
            .links([_siblings(), *self.links])
        )
        for panel in self.panels:
            built.with_panel(panel)
        for row in self.rows:
            _add(built, row)
        return built.build()


def _add(built: dashboard.Dashboard, row: Row) -> None:
    head = dashboard.Row(row.title).id(row.id)
    if row.collapsed:
        for panel in row.panels:
            head.with_panel(panel)
        built.with_row(head)
        return
    built.with_row(head)
    for panel in row.panels:
        built.with_panel(panel)


def _siblings() -> dashboard.DashboardLink:
    """Return the way to our other dashboards, with the range and the choices kept."""
    link = dashboard.DashboardLink("tunewatch").type(model.DashboardLinkType.DASHBOARDS)
    link.tags([TAG]).as_dropdown(as_dropdown=False).tooltip("Other dashboards of tunewatch")
    return link.include_vars(include_vars=True).keep_time(keep_time=True)
