"""Errors that tunewatch has survived, and what it leaves out."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import timeseries as curves

from grafana import units
from grafana.panels import About, Panel, timeseries
from grafana.processes import each, growth
from grafana.targets import curve


def _errors() -> curves.Panel:
    about = About(
        401,
        "Unexpected errors an hour",
        "Errors that should not have been: in judging (what each cost), in a worker, in showing a "
        "reading. The process goes on; the log has the traceback: report it as a bug.",
        units.NONE,
        "No unexpected error",
    )
    queries = (
        ("tunewatch_evaluation_errors_total", "cost", "judging: {{cost}}"),
        ("tunewatch_worker_failures_total", "worker", "worker: {{worker}}"),
        ("tunewatch_render_failures_total", "fragment", "page: {{fragment}}"),
    )
    targets = (
        curve(f"{growth(name, by=('node', label))} * 3600 > 0", f"{{{{node}}}} {legend}", ref)
        for ref, (name, label, legend) in zip("ABC", queries, strict=True)
    )
    return timeseries(about, *targets).min(0)


def _left_out() -> curves.Panel:
    about = About(
        402,
        "Left out",
        "Runs and metrics that are not shown, by reason; GPUs that pods hold under a name that is "
        "none of those read; series left out as duplicates. too_many is a limit that you may "
        "raise (mlflow.max_runs, mlflow.max_metrics_per_run); duplicates are a bug to report.",
        units.NONE,
        "Nothing is left out",
    )
    return timeseries(
        about,
        curve(f"{each('tunewatch_runs_skipped', by=('reason',))} > 0", "runs: {{reason}}"),
        curve(
            f"{each('tunewatch_run_metrics_skipped', by=('reason',))} > 0",
            "metrics: {{reason}}",
            "B",
        ),
        curve(f"{each('tunewatch_pod_devices_unresolved')} > 0", "{{node}} devices", "C"),
        curve(f"{each('tunewatch_gpu_processes_outside_pods')} > 0", "{{node}} processes", "D"),
        curve(
            f"{each('tunewatch_duplicate_series', by=('node', 'fragment'))} > 0",
            "{{node}} duplicates: {{fragment}}",
            "E",
        ),
    ).min(0)


PANELS: Sequence[Panel] = (_errors(), _left_out())
