"""What dashboards ask about runs: which metric plays which part, and the figures of a run."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.thresholds import MetricNames
from grafana.queries import RUN, first_of, max_by, series

NAMES = MetricNames()
"""The names under which trainers log, most usual first: the defaults of `rules.metrics`."""
LOSS = NAMES.loss
EVAL_LOSS = (*NAMES.eval_loss, "eval_.+_loss")
GRAD_NORM = NAMES.grad_norm
LEARNING_RATE = NAMES.learning_rate
EPOCH = NAMES.epoch
TOKEN_ACCURACY = (".*token_accuracy",)
THROUGHPUT = ("(train/|train_)?(samples|steps|tokens)_per_second", ".*throughput.*")

RUN_KEYS = {"run": "Run", "run_id": "", "run_name": "", "experiment": ""}
"""The label columns of every query about runs; the id is there for links."""
STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")


def metric(names: Sequence[str]) -> str:
    """Return the matcher of the metrics with these names, which may be patterns."""
    return f'metric=~"{"|".join(names)}"'


def logged(names: Sequence[str], *of: str) -> str:
    """Return the newest value of a metric that a run has logged, for each run."""
    return max_by(RUN, series("mlflow_run_metric", metric(names), *of))


def step_of(names: Sequence[str], *of: str) -> str:
    """Return the step of the newest value, for each run."""
    return max_by(RUN, series("mlflow_run_metric_step", metric(names), *of))


def figure(name: str, *of: str) -> str:
    """Return a number of ours, for each run; of several validation sets the highest."""
    return max_by(RUN, series(name, *of))


def progress(*of: str) -> str:
    """Return the share of its plan that a run has done (0-1), by steps where it plans steps."""
    steps = f"{step_of(LOSS, *of)} / {figure('tunewatch_run_planned_steps', *of)}"
    epochs = f"{logged(EPOCH, *of)} / {figure('tunewatch_run_planned_epochs', *of)}"
    return first_of(("run_id",), steps, epochs)


def remaining(*of: str) -> str:
    """Return the seconds until a run is through, at the mean pace that it has had."""
    trained = figure("tunewatch_run_training_seconds", *of)
    return f"{trained} * (1 / ({progress(*of)}) - 1)"


def duration(*of: str) -> str:
    """Return the seconds from the start of a run to its end, or to now."""
    started = figure("mlflow_run_start_time_seconds", *of)
    ended = figure("mlflow_run_end_time_seconds", *of)
    return first_of(("run_id",), f"{ended} - {started}", f"time() - {started}")


def busy_of_devices() -> str:
    """Return how busy (percent) each GPU or MIG instance is, by uuid."""
    whole = max_by(("uuid",), series("nvidia_gpu_utilization_pct"))
    part = max_by(("uuid",), series("nvidia_mig_graphics_active_ratio"))
    return first_of(("uuid",), whole, f"{part} * 100")


def devices(*of: str) -> str:
    """Return 1 for each run and each GPU that it trains on."""
    return max_by((*RUN, "uuid"), series("tunewatch_run_gpu_info", *of))


def busy(*of: str) -> str:
    """Return the mean utilisation (percent) of the GPUs of each run."""
    joined = f"{devices(*of)} * on (uuid) group_left () ({busy_of_devices()})"
    return f"avg by ({', '.join(RUN)}) ({joined})"
