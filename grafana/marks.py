"""The moments that dashboards about runs mark: start, end and alerts."""

from __future__ import annotations

from grafana.annotations import Annotation, moment
from grafana.looks import BLUE, GREEN, RED
from grafana.queries import max_by, named_run, series
from grafana.runs import figure


def starts(*of: str) -> Annotation:
    """Mark when the runs that the matchers choose began."""
    expr = named_run(figure("mlflow_run_start_time_seconds", *of))
    return moment("Starts", expr, "{{run}} starts", GREEN)


def ends(*of: str) -> Annotation:
    """Mark when the runs that the matchers choose ended."""
    return moment(
        "Ends", named_run(figure("mlflow_run_end_time_seconds", *of)), "{{run}} ends", BLUE
    )


def alerts(*of: str) -> Annotation:
    """Mark when the alerts about the runs that the matchers choose began to fire.

    They may last for days: whole stretches of time would cover the curves.
    """
    labels = ("rule", "experiment", "run_id", "run_name")
    fired = max_by(labels, series("tunewatch_alert_fired_timestamp_seconds", 'run_id!=""', *of))
    return moment("Alerts", named_run(fired), "{{rule}}: {{run}}", RED)
