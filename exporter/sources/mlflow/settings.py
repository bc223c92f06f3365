"""What a user may choose about mirroring MLflow, and what the rules need from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from exporter.config import EXPORTED_PARAMS, TAG_PARAMS


@dataclass(frozen=True, slots=True)
class MlflowSettings:
    """How the tracking server is found and what is mirrored; all durations are seconds."""

    tracking_uri: str = ""
    """Empty: MLFLOW_TRACKING_URI, else `mlruns` or `mlflow.db` in the working directory."""
    public_url: str = ""
    """Where people's browsers reach the MLflow UI, when that is not the tracking URI."""
    experiments: tuple[str, ...] = ("*",)
    """Globs of experiment names to watch."""
    exclude_experiments: tuple[str, ...] = ()
    runs: tuple[str, ...] = ("*",)
    """Globs of run names to watch."""
    exclude_runs: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    """Globs by tag, all of which a run must meet."""
    exclude_tags: Mapping[str, str] = field(default_factory=dict)
    """Globs by tag, none of which a run may meet."""
    max_runs: int = 1_000
    """Runs on the page; see `seats.py` for which of more."""
    interval: float = 15.0
    discovery_interval: float = 30.0
    """How often experiments are listed and idle ones searched, rather than those of active runs."""
    timeout: float = 10.0
    """For one request; a request is never retried within a poll."""
    ended_grace: float = 300.0
    """How long an ended run stays on the page, so that its last values are scraped."""
    stale_after: float = 86_400.0
    """A RUNNING run that was silent for so long is counted, not mirrored."""
    ended_window: float = 900.0
    """Overlap of two searches in end times, which come from the clocks of the clients."""
    full_scan_interval: float = 300.0
    """How often all RUNNING runs are listed once many of them are stale."""
    history_budget: float = 10.0
    """Reading history for longer waits for the next poll, so that the page stays fresh."""
    update_points: int = 10_000
    """How many points of one metric go into one update. A longer gap is read in several updates. A
    longer history that is seen for the first time is read as an even sample of the whole and its
    last points exactly, because it has to be judged in silence and thus in one update."""
    metrics: tuple[str, ...] = ("*",)
    """Globs of the metrics on the page; those of rules are judged all the same."""
    exclude_metrics: tuple[str, ...] = ()
    max_metrics_per_run: int = 200
    system_metrics: bool = False
    params: tuple[str, ...] = EXPORTED_PARAMS
    tag_params: tuple[str, ...] = TAG_PARAMS
    """Params that are read from tags `param.<name>` alone; those of `params` may come from there
    too."""

    def watches(self, experiment: str) -> bool:
        """Tell whether runs of the experiment with this name are mirrored."""
        return _selects(experiment, self.experiments, self.exclude_experiments)

    def selects(self, run: str, tags: Mapping[str, str]) -> bool:
        """Tell whether a run with this name and these tags is mirrored and judged."""
        return (
            _selects(run, self.runs, self.exclude_runs)
            and all(_tagged(tags, tag, glob) for tag, glob in self.tags.items())
            and not any(_tagged(tags, tag, glob) for tag, glob in self.exclude_tags.items())
        )

    def shows(self, metric: str) -> bool:
        """Tell whether the metric with this name belongs on the page."""
        return _selects(metric, self.metrics, self.exclude_metrics)


@dataclass(frozen=True, slots=True)
class RuleInputs:
    """Which metrics are read point by point, what else the rules look at, and how patiently."""

    is_metric: Callable[[str], bool]
    params: frozenset[str] = frozenset()
    patience: float = 600.0
    """Seconds of silence after which a run may count as stalled, at the earliest."""


def _selects(name: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in include) and not any(
        fnmatchcase(name, glob) for glob in exclude
    )


def _tagged(tags: Mapping[str, str], tag: str, glob: str) -> bool:
    return tag in tags and fnmatchcase(tags[tag], glob)
