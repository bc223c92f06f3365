"""MLflow runs as metrics: the mirror of what trainers log, and the life of each run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from exporter.metrics.family import Family, Metric, Sample
from exporter.snapshot import LatestMetric, Run, Runs

RUN = ("experiment", "run_id", "run_name")
LOGGED = (*RUN, "metric")

VALUE = Metric(
    "mlflow_run_metric", "gauge", "Latest value of a metric that the run has logged", LOGGED
)
STEP = Metric("mlflow_run_metric_step", "gauge", "Step of the latest value of the metric", LOGGED)
INFO = Metric(
    "mlflow_run_info",
    "gauge",
    "Facts of a run that do not change while it runs",
    (*RUN, "experiment_id", "user", "parent_run_id"),
)
STATUS = Metric("mlflow_run_status", "gauge", "Status of the run now", (*RUN, "status"))
STARTED = Metric(
    "mlflow_run_start_time_seconds", "gauge", "When the run started, in Unix seconds", RUN
)
ENDED = Metric("mlflow_run_end_time_seconds", "gauge", "When the run ended, in Unix seconds", RUN)
LOGGED_AT = Metric(
    "mlflow_run_last_log_timestamp_seconds",
    "gauge",
    "Time of the newest logged value by the trainer's clock, in Unix seconds",
    RUN,
)
PARAM = Metric(
    "mlflow_run_param_info", "gauge", "Selected params of the run", (*RUN, "param", "value")
)
LINK = Metric(
    "mlflow_run_link_info", "gauge", "Where people see the run in MLflow; always 1", (*RUN, "url")
)
POD = Metric(
    "mlflow_run_pod_info",
    "gauge",
    "Where the run trains, by the tags that its job has set: to join with nvidia_gpu_pod_info",
    (*RUN, "workload_namespace", "workload_pod", "workload_node", "workload_job"),
)
RUNS_SKIPPED = Metric(
    "tunewatch_runs_skipped",
    "gauge",
    "Active runs that are not shown: silent for a day (stale), not chosen by the configuration"
    " (excluded), or more than mlflow.max_runs (too_many)",
    ("reason",),
)
METRICS_SKIPPED = Metric(
    "tunewatch_run_metrics_skipped",
    "gauge",
    "Metrics of the runs shown that are left out: system metrics (system), not chosen by the"
    " configuration (excluded), with a name above 250 characters (too_long), or more than"
    " mlflow.max_metrics_per_run (too_many)",
    ("reason",),
)

METRICS: tuple[Metric, ...] = (
    VALUE,
    STEP,
    INFO,
    STATUS,
    STARTED,
    ENDED,
    LOGGED_AT,
    PARAM,
    LINK,
    POD,
    RUNS_SKIPPED,
    METRICS_SKIPPED,
)
_POD_TAGS = ("k8s.namespace", "k8s.pod", "k8s.node", "k8s.job")


def families(runs: Runs) -> Iterator[Family]:
    """Tell values and facts of all mirrored runs; what is not known is absent."""
    yield Family(VALUE, _logged(runs, lambda latest: latest.value))
    yield Family(STEP, _logged(runs, lambda latest: latest.step))
    yield Family(
        INFO,
        [Sample((*_run(r), r.experiment_id, r.user, r.parent_run_id), 1) for r in runs.runs],
    )
    yield Family(STATUS, [Sample((*_run(r), r.status), 1) for r in runs.runs])
    yield _time(STARTED, runs, lambda run: run.started_at)
    yield _time(ENDED, runs, lambda run: run.ended_at)
    yield _time(LOGGED_AT, runs, lambda run: run.last_log_at)
    yield Family(
        PARAM,
        [Sample((*_run(r), key, value), 1) for r in runs.runs for key, value in r.params.items()],
    )
    yield Family(LINK, [Sample((*_run(r), r.url), 1) for r in runs.runs if r.url])
    yield Family(POD, [Sample((*_run(r), *_pod(r)), 1) for r in runs.runs if any(_pod(r))])
    yield Family(RUNS_SKIPPED, [Sample((why,), n) for why, n in runs.skipped.items()])
    yield Family(METRICS_SKIPPED, [Sample((why,), n) for why, n in runs.metrics_skipped.items()])


def _run(run: Run) -> tuple[str, str, str]:
    return (run.experiment, run.run_id, run.name)


def _pod(run: Run) -> tuple[str, ...]:
    return tuple(run.tags.get(tag, "") for tag in _POD_TAGS)


def _logged(runs: Runs, read: Callable[[LatestMetric], float]) -> list[Sample]:
    return [
        Sample((*_run(run), latest.key), read(latest)) for run in runs.runs for latest in run.latest
    ]


def _time(metric: Metric, runs: Runs, read: Callable[[Run], float | None]) -> Family:
    times = [(run, read(run)) for run in runs.runs]
    return Family(metric, [Sample(_run(run), time) for run, time in times if time is not None])
