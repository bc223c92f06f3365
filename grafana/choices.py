"""The variables and matchers about runs, which several dashboards share."""

from __future__ import annotations

from grafana import variables
from grafana.queries import matching, series
from grafana.variables import Variable

IN_EXPERIMENT = matching("experiment", ["$experiment"])
CHOSEN = (IN_EXPERIMENT, matching("run_id", ["$runs"]))
"""Of the runs that a person compares."""
THIS_RUN = 'run_id="$run_id"'
ABOUT_THIS_RUN = (THIS_RUN, 'run_id!=""')
"""Of alerts: where there is no run to choose, those about GPUs are not meant."""
_INFO = "mlflow_run_info"


def experiment() -> Variable:
    """Return the choice of experiments."""
    return variables.values("experiment", "Experiment", series(_INFO), "experiment")


def runs() -> Variable:
    """Return the choice of several runs of these experiments."""
    return variables.runs("runs", "Runs", series(_INFO, IN_EXPERIMENT))


def run() -> Variable:
    """Return the choice of one run of these experiments; its id is what alerts link to."""
    return variables.single(variables.runs("run_id", "Run", series(_INFO, IN_EXPERIMENT)))
