"""Active MLflow runs: mirrored for the page, reported point by point to the alert engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from exporter.feed import Feed
from exporter.snapshot import Runs
from exporter.sources import SourceDown
from exporter.sources.mlflow.census import Census, Roster
from exporter.sources.mlflow.cursor import Mark
from exporter.sources.mlflow.following import Following
from exporter.sources.mlflow.locate import locate
from exporter.sources.mlflow.mirror import mirror, total
from exporter.sources.mlflow.newsroom import Newsroom
from exporter.sources.mlflow.settings import MlflowSettings, RuleInputs
from exporter.sources.mlflow.tracking import Tracking


class MlflowSource:
    """The tracking store that `settings` or MLflow's own environment variables name.

    Besides returning the runs to show, `collect` puts into `feed` one update for each run whose
    rule metrics moved or whose facts changed, and for each that is new, ended or deleted. `marks`
    are the newest judged points by run id and metric of an earlier process: reading goes on after
    them; a run without marks is read from its beginning.
    """

    name = "mlflow"
    lifetime: float | None = None
    """Values of runs are facts with a step and a time: they stay true while the server is down."""

    def __init__(
        self,
        settings: MlflowSettings,
        feed: Feed,
        inputs: RuleInputs,
        marks: Mapping[str, Mapping[str, Mark]] | None = None,
        *,
        expected: bool = False,
    ) -> None:
        self.interval = settings.interval
        # Trying costs one request; whoever trains wants to be heard soon after an outage.
        self.retry_most: float | None = settings.interval
        self.expected = expected
        self._settings = settings
        self._inputs = inputs
        self._roster = Roster(settings)
        self._following = Following(inputs, marks or {})
        self._newsroom = Newsroom(feed, self._following, settings.update_points)
        self._tracking: Tracking | None = None

    def collect(self, now: float) -> Runs:
        """Poll the store once.

        Raises SourceDown when it cannot be read; nothing is lost then, the next success reads on.
        """
        try:
            tracking = self._tracking = self._tracking or locate(self._settings)
            census = self._roster.take(
                tracking.runs, now, self._newsroom.owed, self._following.newest
            )
            self._newsroom.report(tracking, census, now, self._stopwatch())
        except SourceDown:
            # The server may come back as another version, or the file as another file.
            self._tracking = None
            raise
        return self._runs(census, tracking.link)

    def close(self) -> None:
        """Do nothing: no connection outlives a poll that somebody would have to end."""

    def _stopwatch(self) -> Callable[[], bool]:
        """Return whether reading may still go on, to be asked again and again."""
        end = time.monotonic() + self._settings.history_budget
        return lambda: time.monotonic() < end

    def _runs(self, census: Census, link: str) -> Runs:
        mirrored = [
            mirror(
                run,
                self._following.tracker(run_id),
                census.experiments.get(run.experiment_id, run.experiment_id),
                self._settings,
                self._inputs.is_metric,
                link,
            )
            for run_id, run in census.runs.items()
            if run_id in census.shown
        ]
        return Runs(
            runs=tuple(m.run for m in mirrored),
            skipped=census.skipped,
            metrics_skipped=total(m.skipped for m in mirrored),
        )
