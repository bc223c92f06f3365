"""An MLflow source with its feed, polled by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from alerts.model import MetricPoint, RunUpdate
from exporter.feed import CAPACITY_POINTS, Feed
from exporter.snapshot import Run, Runs
from exporter.sources.mlflow import Mark, MlflowSettings, MlflowSource, RuleInputs
from exporter.sources.mlflow.tracking import read_value

RULE_METRICS = {
    *("loss", "eval_loss", "grad_norm", "learning_rate", "epoch"),
    *("train_loss", "train_runtime"),
}
RULE_PARAMS = frozenset({"transformers_version", "max_grad_norm", "save_steps"})

Logged = tuple[str, int, int, str]
"""One point as (metric, step, time in ms, value as text), so that NaN equals NaN."""


def logged(metric: str, step: int, at: int, value: float) -> Logged:
    """Return a point in the form that is compared; stores keep no sign of zero."""
    return metric, step, at, repr(read_value(value) + 0.0)


class Watcher:
    """Polls a source and keeps everything that it put into the feed."""

    def __init__(
        self,
        settings: MlflowSettings,
        marks: Mapping[str, Mapping[str, Mark]] | None = None,
        capacity: int = CAPACITY_POINTS,
        is_metric: Callable[[str], bool] = RULE_METRICS.__contains__,
    ) -> None:
        self.feed = Feed(capacity_points=capacity)
        self.updates: list[RunUpdate] = []
        inputs = RuleInputs(is_metric, RULE_PARAMS)
        self.source = MlflowSource(settings, self.feed, inputs, marks)
        self.runs = Runs(())

    def poll(self, now: float) -> list[RunUpdate]:
        """Collect once and return the updates that came, judged at once."""
        self.runs = self.source.collect(now)
        return self.drain()

    def drain(self) -> list[RunUpdate]:
        """Take what is in the feed, as the engine does."""
        news = list(self.feed.peek())
        self.feed.acknowledge(len(news))
        self.updates += news
        return news

    def shown(self, run_id: str) -> Run | None:
        """Return the run as the page shows it after the last poll."""
        return next((run for run in self.runs.runs if run.run_id == run_id), None)

    def points(self, run_id: str) -> Counter[Logged]:
        """Count every point of a run that ever came."""
        return Counter(
            logged(p.metric, p.step, round(p.time * 1000), p.value)
            for update in self.updates
            if update.facts.run_id == run_id
            for p in update.points
        )

    def marks(self, run_id: str) -> dict[str, Mark]:
        """Return what the engine would remember of the points that came."""
        updates = [update for update in self.updates if update.facts.run_id == run_id]
        return marks_of(point for update in updates for point in update.points)


def marks_of(points: Iterable[MetricPoint]) -> dict[str, Mark]:
    """Return what the engine remembers of points that were judged in this order."""
    marks: dict[str, Mark] = {}
    for point in points:
        old = marks.get(point.metric, Mark(point.step, point.time, point.step))
        newer = (point.time, point.step) >= (old.time, old.step)
        step, time = (point.step, point.time) if newer else (old.step, old.time)
        marks[point.metric] = Mark(step, time, max(old.highest, point.step))
    return marks
