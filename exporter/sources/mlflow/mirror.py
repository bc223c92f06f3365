"""From a tracked run to what the page shows and to what the rules are told of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from alerts.model import RunFacts
from exporter.attribution import GPUS_TAG, JOIN_TAGS
from exporter.snapshot import LatestMetric, Run
from exporter.sources.mlflow.settings import MlflowSettings, RuleInputs
from exporter.sources.mlflow.tracker import Tracker
from exporter.sources.mlflow.tracking import Point, TrackedRun

PARAM_LENGTH = 120
TEXT_LENGTH = 250
"""Longer values of params, names and tags are cut: they are labels, and whoever trains chooses
them."""
TAGS_TOLD = 50
"""So many tags of a run at most, the first by name."""
SYSTEM_PREFIX = "system/"
PARENT_TAG = "mlflow.parentRunId"
TOLD_TAGS = ("tunewatch.", "k8s.")
"""Beginnings of the tags that rules and messages read."""
SHOWN_TAGS = {**dict.fromkeys((*JOIN_TAGS, "k8s.job"), TEXT_LENGTH), GPUS_TAG: 4_096}
"""The tags that say where a run trains, and how much is kept of each: a list of uuids is long."""
PARAM_TAG = "param."
"""How a job that sets MLFLOW_TAGS names a param that its trainer does not log."""
SKIPPED_METRICS = ("system", "excluded", "too_long", "too_many")


class Mirrored(NamedTuple):
    """A run for the page, and how many of its metrics were left out by reason."""

    run: Run
    skipped: Mapping[str, int]


def mirror(
    run: TrackedRun,
    tracker: Tracker | None,
    experiment: str,
    settings: MlflowSettings,
    is_rule_metric: Callable[[str], bool],
    link: str,
) -> Mirrored:
    """Return what the page shows of a run; metrics of rules go first when there are too many.

    `link` is where people open the tracking server, empty where it has no pages.
    """
    recorded = [k for k in run.latest if settings.system_metrics or not _is_system(k)]
    chosen = [key for key in recorded if settings.shows(key)]
    wanted = [key for key in chosen if len(key) <= TEXT_LENGTH]
    wanted.sort(key=lambda key: (not is_rule_metric(key), key))
    kept = sorted(wanted[: settings.max_metrics_per_run])
    skipped = {
        "system": len(run.latest) - len(recorded),
        "excluded": len(recorded) - len(chosen),
        "too_long": len(chosen) - len(wanted),
        "too_many": len(wanted) - len(kept),
    }
    shown = Run(
        run_id=run.run_id,
        name=run.name[:TEXT_LENGTH],
        experiment=experiment[:TEXT_LENGTH],
        experiment_id=run.experiment_id,
        user=run.user[:TEXT_LENGTH],
        status=run.status,
        started_at=run.started / 1000,
        ended_at=_ended_at(run),
        latest=tuple(_latest(sys.intern(k), _current(run, tracker, k)) for k in kept),
        params=_params(run, settings),
        tags={key: run.tags[key][:n] for key, n in SHOWN_TAGS.items() if key in run.tags},
        parent_run_id=run.tags.get(PARENT_TAG, "")[:TEXT_LENGTH],
        last_log_at=_last_log_at(run, tracker),
        url=_address(run, link),
    )
    return Mirrored(shown, skipped)


def facts_of(
    run: TrackedRun, experiment: str, link: str, inputs: RuleInputs, *, is_parent: bool
) -> RunFacts:
    """Return what the rules and messages know of a run apart from its points."""
    tags = sorted(key for key in run.tags if key.startswith(TOLD_TAGS))[:TAGS_TOLD]
    params = sorted(inputs.params & run.params.keys())
    return RunFacts(
        run_id=run.run_id,
        name=run.name[:TEXT_LENGTH],
        experiment=experiment[:TEXT_LENGTH],
        status=run.status,
        started_at=run.started / 1000,
        ended_at=_ended_at(run),
        experiment_id=run.experiment_id,
        params={key: run.params[key][:TEXT_LENGTH] for key in params},
        has_params=bool(run.params),
        tags={key[:TEXT_LENGTH]: run.tags[key][:TEXT_LENGTH] for key in tags},
        is_parent=is_parent,
        url=_address(run, link),
    )


def _address(run: TrackedRun, link: str) -> str:
    return f"{link}/#/experiments/{run.experiment_id}/runs/{run.run_id}" if link else ""


def total(counts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    """Add up what was left out of all runs, by reason."""
    found = dict.fromkeys(SKIPPED_METRICS, 0)
    for count in counts:
        for reason, number in count.items():
            found[reason] += number
    return found


def _is_system(key: str) -> bool:
    return key.startswith(SYSTEM_PREFIX)


def _params(run: TrackedRun, settings: MlflowSettings) -> Mapping[str, str]:
    """Return the chosen params, of which a tag of the job tells those that no trainer logs."""
    tagged = (*settings.params, *settings.tag_params)
    found = {key: run.tags[PARAM_TAG + key] for key in tagged if PARAM_TAG + key in run.tags}
    found |= {key: run.params[key] for key in settings.params if key in run.params}
    return {key: value[:PARAM_LENGTH] for key, value in found.items()}


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
