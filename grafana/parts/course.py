"""How one run trains: its optimiser, its pace, and whatever else it logs."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import trend as trends

from grafana import units
from grafana.bystep import by_step
from grafana.choices import THIS_RUN
from grafana.looks import BLUE, PLAIN, colored, dashed, fixed, legend, log_scale
from grafana.panels import About, Panel, timeseries
from grafana.queries import max_by, series
from grafana.runs import (
    EPOCH,
    GRAD_NORM,
    LEARNING_RATE,
    LOSS,
    THROUGHPUT,
    TOKEN_ACCURACY,
    figure,
    logged,
    metric,
    step_of,
)
from grafana.targets import curve
from grafana.words import advice

PLANNED = "planned"
PACE = "steps/s"


def optimiser() -> Sequence[Panel]:
    """Return what the optimiser does: learning rate and gradients."""
    rate = About(
        70,
        "Learning rate",
        "It should rise over the warm-up and fall to the end. A loss that leaves when this is "
        "highest wants a lower peak, or a longer warm-up.",
        "sci",
        "The run logs no learning rate",
    )
    norm = About(
        71,
        "Gradient norm",
        "On a logarithmic axis, since trouble comes in powers of ten; it mostly rises before the "
        f"loss does. {advice('gradient_exploding')}",
        units.NONE,
        "The run logs no gradient norm",
    )
    gradients = logged_by_step(norm, GRAD_NORM).scale_distribution(log_scale())
    rates = logged_by_step(rate, LEARNING_RATE).min(0)
    return [panel.color_scheme(fixed(BLUE)) for panel in (rates, gradients)]


def quality() -> Sequence[Panel]:
    """Return what the losses mean: perplexity and accuracy."""
    perplexity = About(
        72,
        "Perplexity",
        "Exponential of the loss: among how many tokens the model wavers. Validation that rises "
        f"while training falls is overfitting. {advice('overfitting')}",
        units.NONE,
        "No finite loss in this range",
    )
    accuracy = About(
        73,
        "Token accuracy",
        "Share of tokens that were predicted right. In validation it should not fall while it "
        "rises in training.",
        units.RATIO,
        "The run logs no token accuracy (TRL does; the Transformers Trainer needs compute_metrics)",
    )
    by_split = max_by(("split", "eval_set"), series("tunewatch_run_perplexity", THIS_RUN))
    curves = timeseries(perplexity, curve(by_split, "{{split}} {{eval_set}}"))
    curves.override_by_regexp("/^train/", [colored(BLUE)])
    return [
        curves.override_by_regexp("/^eval/", [dashed()]).scale_distribution(log_scale()),
        logged_by_step(accuracy, TOKEN_ACCURACY).min(0).max(1),
    ]


def pace() -> Sequence[Panel]:
    """Return how fast the run goes, and how far it has come."""
    epochs = About(
        74,
        "Epochs",
        "How far the run has come, and how far it means to go. A flat stretch is a pause, or a "
        f"trainer that hangs. {advice('run_stalled')}",
        units.NONE,
        "The run logs no epoch",
    )
    throughput = About(
        75,
        "Throughput",
        "Steps a second, smoothed as chosen above, and what the trainer itself logs. A fall while "
        "the batch stays the same: look at the data loader, at other jobs on the node, and whether "
        "the GPUs are held down. Sawteeth come from logging seldom: smooth more.",
        units.NONE,
        "The run has logged no step in this range",
    )
    steps = f"deriv(({step_of(LOSS, THIS_RUN)})[$smoothing:5s]) >= 0"
    said = max_by(("metric",), series("mlflow_run_metric", metric(THROUGHPUT), THIS_RUN))
    so_far = timeseries(
        epochs,
        curve(logged(EPOCH, THIS_RUN), "epoch"),
        curve(figure("tunewatch_run_planned_epochs", THIS_RUN), PLANNED, "B"),
    ).color_scheme(fixed(BLUE))
    return [
        so_far.min(0).override_by_name(PLANNED, [colored(PLAIN), dashed()]),
        timeseries(throughput, curve(steps, PACE), curve(said, "{{metric}}", "B"))
        .min(0)
        .override_by_name(PACE, [colored(BLUE)]),
    ]


def anything() -> Sequence[Panel]:
    """Return the metric that a person chooses, by step and over time."""
    by_steps = About(
        90,
        "$metric by step",
        "Whatever the run logs, as it is named in MLflow; choose it above. What is bad depends on "
        "the metric.",
        units.NONE,
        "The run has not logged this metric in this range",
    )
    over_time = About(
        91,
        "$metric over time",
        "The same against time: compare it with the marks of alerts, and with what the GPUs did.",
        units.NONE,
        "The run has not logged this metric in this range",
    )
    value = max_by(("metric",), series("mlflow_run_metric", 'metric="$metric"', THIS_RUN))
    return [
        logged_by_step(by_steps, ("$metric",)),
        timeseries(over_time, curve(value, "{{metric}}")),
    ]


def logged_by_step(about: About, names: Sequence[str]) -> trends.Panel:
    """Return metrics of the run with these names against the step."""
    selected, steps = (
        series(name, metric(names), THIS_RUN)
        for name in ("mlflow_run_metric", "mlflow_run_metric_step")
    )
    value, step = max_by(("metric",), selected), max_by(("metric",), steps)
    return by_step(about, value, step, "metric", selected).legend(legend("lastNotNull"))
