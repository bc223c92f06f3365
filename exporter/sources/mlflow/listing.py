"""The runs of a tracking store at one moment, for looking at them without a daemon."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from alerts.model import MetricPoint, RunFacts
from exporter.snapshot import Run
from exporter.sources.mlflow.gather import condensed
from exporter.sources.mlflow.locate import locate
from exporter.sources.mlflow.mirror import facts_of, mirror
from exporter.sources.mlflow.settings import MlflowSettings, RuleInputs
from exporter.sources.mlflow.tracking import Point, Span, TrackedRun

TOGETHER = 8
"""Runs read together: as many as may each have as many points as a server gives at once."""


class Listed(NamedTuple):
    """One run: what the page would show of it, and what the rules know of it."""

    shown: Run
    facts: RunFacts
    metrics: tuple[str, ...]
    """Those that rules look at."""


class Listing:
    """Reads a store once; raises SourceDown when it cannot be read."""

    def __init__(self, settings: MlflowSettings, inputs: RuleInputs) -> None:
        self._settings = settings
        self._inputs = inputs
        self._tracking = locate(settings)

    def runs(self, ended_since: float) -> list[Listed]:
        """Return the chosen runs that are RUNNING, or ended after a time (Unix seconds)."""
        index = self._tracking.runs
        names = index.experiments()
        experiments = {i: name for i, name in names.items() if self._settings.watches(name)}
        found = {
            run.run_id: run
            for run in (
                *index.ended_since(experiments, round(ended_since * 1000)),
                *index.running(experiments),
            )
            if self._settings.selects(run.name, run.tags)
        }
        return [self._listed(run, experiments[run.experiment_id]) for run in found.values()]

    def points(
        self, runs: Sequence[Listed], metrics: Iterable[str] | None = None
    ) -> Mapping[str, tuple[MetricPoint, ...]]:
        """Return by run id what was logged of the metrics (by default, of all that rules look at).

        Of a very long history an even sample is returned, and its last points exactly.
        """
        wanted: dict[str, list[Span]] = {}
        for run in runs:
            for key in run.metrics if metrics is None else {*run.metrics}.intersection(metrics):
                wanted.setdefault(key, []).append(Span(run.facts.run_id))
        found: dict[str, list[MetricPoint]] = {run.facts.run_id: [] for run in runs}
        for key, spans in wanted.items():
            for run_id, points in self._read(key, spans).items():
                found[run_id] += [MetricPoint(key, p.step, p.time / 1000, p.value) for p in points]
        return {run_id: tuple(points) for run_id, points in found.items()}

    def _read(self, key: str, spans: Sequence[Span]) -> dict[str, Sequence[Point]]:
        history = self._tracking.history
        found: dict[str, Sequence[Point]] = {}
        for first in range(0, len(spans), TOGETHER):
            found.update(history.recent(key, spans[first : first + TOGETHER]))
        for span in spans:
            if span.run_id not in found:
                stretch = history.read(key, span, self._settings.update_points)
                whole = stretch.until is None
                found[span.run_id] = stretch.points if whole else condensed(stretch)
        return found

    def _listed(self, run: TrackedRun, experiment: str) -> Listed:
        inputs = self._inputs
        link = self._tracking.link
        shown = mirror(run, None, experiment, self._settings, inputs.is_metric, link).run
        facts = facts_of(run, experiment, link, inputs, is_parent=False)
        return Listed(shown, facts, tuple(sorted(filter(inputs.is_metric, run.latest))))
