"""How far a run means to go, by its params."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from alerts.model import RunFacts
from alerts.signals import RUN
from alerts.view import AlertsView
from exporter.metrics.family import Family, Metric, Sample

EPOCHS = Metric(
    "tunewatch_run_planned_epochs",
    "gauge",
    "Epochs that the run is to train, by its param num_train_epochs where max_steps is not set",
    RUN,
)
STEPS = Metric(
    "tunewatch_run_planned_steps",
    "gauge",
    "Steps that the run is to train, by its param max_steps, which goes before num_train_epochs",
    RUN,
)

METRICS: tuple[Metric, ...] = (EPOCHS, STEPS)


def families(view: AlertsView) -> Iterator[Family]:
    """Tell what the runs under watch have planned; what a run does not say is absent."""
    runs = [run.facts for run in view.runs]
    yield Family(EPOCHS, [s for run in runs for s in _planned(run, _epochs(run.params))])
    yield Family(STEPS, [s for run in runs for s in _planned(run, _steps(run.params))])


def _planned(run: RunFacts, value: float | None) -> Iterator[Sample]:
    if value is not None:
        yield Sample((run.experiment, run.run_id, run.name), value)


def _epochs(params: Mapping[str, str]) -> float | None:
    return _positive(params, "num_train_epochs") if _steps(params) is None else None


def _steps(params: Mapping[str, str]) -> float | None:
    return _positive(params, "max_steps")


def _positive(params: Mapping[str, str], name: str) -> float | None:
    """Read a param; the Trainer logs -1 where it is not set, and people log what they like."""
    try:
        value = float(params.get(name, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None
