"""The losses of one run: raw, smoothed and validated, by step and over time."""

from __future__ import annotations

from grafana_foundation_sdk.builders import timeseries as curves
from grafana_foundation_sdk.builders import trend as trends
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Property

from grafana.bystep import by_step
from grafana.choices import THIS_RUN
from grafana.looks import colored, dashed, legend, pointed, thick
from grafana.panels import About, timeseries
from grafana.queries import labelled, max_by, series, smoothed
from grafana.runs import EVAL_LOSS, LOSS, metric
from grafana.targets import curve

LABEL = ("metric",)
SMOOTH = "smoothed"
EVALUATED = "/^(eval|val)/"
RAW = "super-light-blue"
LOOKS: dict[str, list[Property]] = {
    f"/^(?!eval|val).*(?<!{SMOOTH})$/": [colored(RAW)],
    f"/{SMOOTH}$/": [colored("blue"), thick()],
    EVALUATED: [colored("orange"), dashed(), thick()],
}
"""How the curves look, by a pattern of their names: in JavaScript, since Grafana applies it."""
FIGURES = ("lastNotNull", "min")


def losses_by_step(about: About) -> trends.Panel:
    """Return the losses against the step."""
    value, step = _curves("mlflow_run_metric"), _curves("mlflow_run_metric_step")
    panel = by_step(about, value, step, *LABEL, _selected("mlflow_run_metric"))
    for pattern, looks in LOOKS.items():
        panel.override_by_regexp(pattern, looks)
    panel.override_by_regexp(EVALUATED, [pointed()])
    return panel.legend(legend(*FIGURES)).height(10)


def losses_over_time(about: About) -> curves.Panel:
    """Return the losses against time, on which Grafana also marks what happened."""
    panel = timeseries(about, curve(_curves("mlflow_run_metric"), "{{metric}}"))
    for pattern, looks in LOOKS.items():
        panel.override_by_regexp(pattern, looks)
    return panel.legend(legend(*FIGURES)).height(10)


def _curves(name: str) -> str:
    """Return values or steps of all losses, and once more of the training loss: smoothed.

    The steps of the smoothed curve are those of the raw one.
    """
    raw = max_by(LABEL, _selected(name))
    training = max_by(LABEL, series(name, metric(LOSS), THIS_RUN))
    smooth = smoothed(training) if name == "mlflow_run_metric" else training
    return f"{raw}\nor {labelled(smooth, 'metric', f'$1 {SMOOTH}', 'metric', '(.*)')}"


def _selected(name: str) -> str:
    return series(name, metric((*LOSS, *EVAL_LOSS)), THIS_RUN)
