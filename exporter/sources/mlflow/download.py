"""One run whole, finished or not, for looking at it afterwards."""

from __future__ import annotations

from typing import NamedTuple

from alerts.model import MetricPoint, RunFacts
from exporter.sources.mlflow.locate import locate
from exporter.sources.mlflow.mirror import facts_of
from exporter.sources.mlflow.settings import MlflowSettings, RuleInputs
from exporter.sources.mlflow.tracking import Span, TrackedRun, Tracking

POINTS_MOST = 5_000_000
"""Points of one metric beyond which nobody wants to wait."""


class Download(NamedTuple):
    """The facts of a run, and every point of the metrics that rules look at."""

    facts: RunFacts
    points: tuple[MetricPoint, ...]


def download(settings: MlflowSettings, inputs: RuleInputs, run_id: str) -> Download | None:
    """Read a run from the tracking store; None where there is no such run.

    Raises SourceDown when the store cannot be read.
    """
    tracking = locate(settings)
    experiments = tracking.runs.experiments()
    found = tracking.runs.by_ids(experiments, [run_id])
    if not found:
        return None
    run = found[0]
    experiment = experiments.get(run.experiment_id, run.experiment_id)
    facts = facts_of(run, experiment, tracking.link, inputs, is_parent=False)
    keys = [key for key in run.latest if inputs.is_metric(key)]
    return Download(facts, tuple(p for key in keys for p in _points(tracking, run, key)))


def _points(tracking: Tracking, run: TrackedRun, key: str) -> list[MetricPoint]:
    stretch = tracking.history.read(key, Span(run.run_id), POINTS_MOST)
    return [
        MetricPoint(key, point.step, point.time / 1000, point.value) for point in stretch.points
    ]
