"""Curves of several runs over one another, each run in a colour of its own."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.builders import timeseries as curves
from grafana_foundation_sdk.builders import trend as trends

from grafana.bystep import by_step
from grafana.looks import by_name
from grafana.panels import About, timeseries
from grafana.queries import max_by, named_run, series
from grafana.runs import logged, metric, step_of
from grafana.targets import curve

TO_RUN = (
    "/d/tunewatch-run?var-run_id=${__field.labels.run_id}&${datasource:queryparam}"
    "&${__url_time_range}"
)
"""The dashboard of the run of this curve."""


def runs_by_step(about: About, names: Sequence[str], *of: str) -> trends.Panel:
    """Return a metric of the runs that the matchers choose, against the step."""
    value, step = (max_by(("run",), named_run(ask(names, *of))) for ask in (logged, step_of))
    return by_step(about, value, step, "run", series("mlflow_run_metric", metric(names), *of))


def runs_over_time(about: About, names: Sequence[str], *of: str) -> curves.Panel:
    """Return a metric of the runs that the matchers choose, against time."""
    panel = timeseries(about, curve(named_run(logged(names, *of)), "{{run}}"))
    panel.color_scheme(by_name())
    return panel.data_links([dashboard.DashboardLink("Open the run").url(TO_RUN)])
