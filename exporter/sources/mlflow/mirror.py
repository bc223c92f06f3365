"""From a tracked run to what the page shows and to what the rules are told of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

from alerts.model import RunFacts
from exporter.snapshot import LatestMetric, Run
from exporter.sources.mlflow.settings import MlflowSettings, RuleInputs
from exporter.sources.mlflow.tracker import Tracker
from exporter.sources.mlflow.tracking import Point, TrackedRun

PARAM_LENGTH = 120
"""Longer values are cut on the page: they are labels there."""
SYSTEM_PREFIX = "system/"
PARENT_TAG = "mlflow.parentRunId"
TOLD_TAGS = ("tunewatch.", "k8s.")
"""Beginnings of the tags that rules and messages read."""
SHOWN_TAGS = ("k8s.namespace", "k8s.pod", "k8s.node")


class Mirrored(NamedTuple):
    """A run for the page, and how many of its metrics were left out."""

    run: Run
    skipped: int


def mirror(
    run: TrackedRun,
    tracker: Tracker | None,
    experiment: str,
    settings: MlflowSettings,
    is_rule_metric: Callable[[str], bool],
) -> Mirrored:
    """Return what the page shows of a run; metrics of rules go first when there are too many."""
    wanted = [k for k in run.latest if settings.system_metrics or not k.startswith(SYSTEM_PREFIX)]
    wanted.sort(key=lambda key: (not is_rule_metric(key), key))
    kept = sorted(wanted[: settings.max_metrics_per_run])
    shown = Run(
        run_id=run.run_id,
        name=run.name,
        experiment=experiment,
        experiment_id=run.experiment_id,
        user=run.user,
        status=run.status,
        started_at=run.started / 1000,
        ended_at=_ended_at(run),
        latest=tuple(_latest(sys.intern(k), _current(run, tracker, k)) for k in kept),
        params={
            key: run.params[key][:PARAM_LENGTH] for key in settings.params if key in run.params
        },
        tags={key: run.tags[key] for key in SHOWN_TAGS if key in run.tags},
        parent_run_id=run.tags.get(PARENT_TAG, ""),
        last_log_at=_last_log_at(run, tracker),
    )
    return Mirrored(shown, len(run.latest) - len(kept))


def facts_of(
    run: TrackedRun, experiment: str, link: str, inputs: RuleInputs, *, is_parent: bool
) -> RunFacts:
    """Return what the rules and messages know of a run apart from its points."""
    address = f"{link}/#/experiments/{run.experiment_id}/runs/{run.run_id}"
    return RunFacts(
        run_id=run.run_id,
        name=run.name,
        experiment=experiment,
        status=run.status,
        started_at=run.started / 1000,
        ended_at=_ended_at(run),
        experiment_id=run.experiment_id,
        params={key: run.params[key] for key in sorted(inputs.params & run.params.keys())},
        has_params=bool(run.params),
        tags={key: run.tags[key] for key in sorted(run.tags) if key.startswith(TOLD_TAGS)},
        is_parent=is_parent,
        url=address if link else "",
    )


def _ended_at(run: TrackedRun) -> float | None:
    # A resumed run keeps its old end time while it runs.
    return None if run.running or run.ended is None else run.ended / 1000


def _current(run: TrackedRun, tracker: Tracker | None, key: str) -> Point:
    """Return the newest point: of a resumed run below its old end only the cursor knows it."""
    latest = run.latest[key]
    cursor = tracker.cursors.get(key) if tracker else None
    if cursor is None or not (cursor.hidden and cursor.count):
        return latest
    return max(latest, cursor.newest, key=lambda point: point.time)


def _latest(key: str, point: Point) -> LatestMetric:
    return LatestMetric(key, point.value, point.step, point.time / 1000)


def _last_log_at(run: TrackedRun, tracker: Tracker | None) -> float | None:
    newest = max((point.time for point in run.latest.values()), default=0)
    newest = max(newest, tracker.newest if tracker else 0)
    return newest / 1000 if newest else None
