"""Run: everything about one run, and where alerts send people."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from grafana import choices, units, variables
from grafana.board import Board, Row
from grafana.choices import THIS_RUN
from grafana.looks import log_scale
from grafana.marks import alerts, ends, starts
from grafana.panels import About, Panel
from grafana.parts.course import anything, optimiser, pace, quality
from grafana.parts.headline import headline
from grafana.parts.losses import losses_by_step, losses_over_time
from grafana.parts.params import params_of
from grafana.parts.run_gpus import run_gpus
from grafana.parts.signals import signals
from grafana.parts.timelines import timelines
from grafana.queries import series
from grafana.runs import LOSS

NO_LOSS = "The run has logged no loss in this range"
_BY_STEP = About(
    20,
    "Loss by step",
    "Training (blue, smoothed as chosen above) and validation (dashed). Validation that turns "
    "upwards while training falls is overfitting: stop, and use the checkpoint of its lowest "
    "point. Training that rises diverges: lower the learning rate. Points are as far apart as "
    "scrapes; MLflow has every step.",
    units.NONE,
    NO_LOSS,
)
_OVER_TIME = About(
    21,
    "Loss over time",
    "The same against time, with the start, the end and all alerts of the run as marks: what "
    "happened just before it went wrong?",
    units.NONE,
    NO_LOSS,
)
_LOGARITHMIC = About(
    22,
    "Loss by step, logarithmic",
    "For losses that fall far: a straight line is an exponential fall, and late progress can be "
    "seen. A curve that has become flat here learns nothing any more.",
    units.NONE,
    NO_LOSS,
)
_PARAMS = About(
    95,
    "Params",
    "Those that tunewatch exports (mlflow.params and mlflow.tag_params in its configuration), as "
    "they were logged. A value that surprises you is a finding.",
    units.NONE,
    "The run has logged none of the exported params",
)


def _losses() -> tuple[Panel, Panel]:
    return losses_by_step(_BY_STEP), losses_over_time(_OVER_TIME)


def _mlflow() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("Open in MLflow").url("${mlflow:raw}").icon("external link")
    return link.tooltip("The run in MLflow, with every step").target_blank(target_blank=True)


BOARD = Board(
    file="run.json",
    uid="tunewatch-run",
    title="tunewatch / Run",
    description="One fine-tuning run: does it learn, what is wrong, and what its GPUs do.",
    since="now-12h",
    variables=[
        choices.experiment(),
        choices.run(),
        variables.custom(
            "smoothing",
            "Smoothing",
            {"off": "10s", "1 min": "1m", "5 min": "5m", "15 min": "15m", "1 h": "1h"},
            "5 min",
        ),
        variables.one("metric", "Metric", series("mlflow_run_metric", THIS_RUN), "metric", LOSS[0]),
        variables.hidden("mlflow", series("mlflow_run_link_info", THIS_RUN), "url"),
    ],
    annotations=[alerts(THIS_RUN), starts(THIS_RUN), ends(THIS_RUN)],
    links=[_mlflow()],
    panels=[*headline(), *_losses(), *timelines()],
    rows=[
        Row(100, "What the rules compare", [*signals()]),
        Row(101, "Optimiser and quality", [*optimiser(), *quality()]),
        Row(102, "Pace", [*pace()]),
        Row(103, "GPUs of this run", [*run_gpus()]),
        Row(
            104,
            "Logarithmic loss, params, and any other metric",
            [
                losses_by_step(_LOGARITHMIC).scale_distribution(log_scale()),
                params_of(_PARAMS, THIS_RUN).span(12).height(10),
                *anything(),
            ],
            collapsed=True,
        ),
    ],
)
