"""What a user may choose about mirroring MLflow, and what the rules need from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

EXPORTED_PARAMS = (
    "learning_rate",
    "num_train_epochs",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "seed",
    "_name_or_path",
)


@dataclass(frozen=True, slots=True)
class MlflowSettings:
    """How the tracking server is found and what is mirrored; all durations are seconds."""

    tracking_uri: str = ""
    """Empty: MLFLOW_TRACKING_URI, else `mlflow.db` in the working directory."""
    public_url: str = ""
    """Where people's browsers reach the MLflow UI, when that is not the tracking URI."""
    experiments: tuple[str, ...] = ("*",)
    """Globs of experiment names to watch."""
    exclude_experiments: tuple[str, ...] = ()
    interval: float = 15.0
    timeout: float = 10.0
    """For one request; a request is never retried within a poll."""
    ended_grace: float = 300.0
    """How long an ended run stays on the page, so that its last values are scraped."""
    stale_after: float = 86_400.0
    """A RUNNING run that was silent for so long is counted, not mirrored."""
    ended_window: float = 900.0
    """Overlap of two polls in end times, which come from the clocks of the clients."""
    experiments_interval: float = 0.0
    """How often experiments are listed: with every poll, or a run in a new one is seen late."""
    full_scan_interval: float = 300.0
    """How often all RUNNING runs are listed once many of them are stale."""
    history_budget: float = 10.0
    """Reading history for longer waits for the next poll, so that the page stays fresh."""
    update_points: int = 10_000
    """How many points of one metric go into one update. A longer gap is read in several updates. A
    longer history that is seen for the first time is read as an even sample of the whole and its
    last points exactly, because it has to be judged in silence and thus in one update."""
    max_metrics_per_run: int = 200
    system_metrics: bool = False
    params: tuple[str, ...] = EXPORTED_PARAMS

    def watches(self, experiment: str) -> bool:
        """Tell whether runs of the experiment with this name are mirrored."""
        return any(fnmatchcase(experiment, glob) for glob in self.experiments) and not any(
            fnmatchcase(experiment, glob) for glob in self.exclude_experiments
        )


@dataclass(frozen=True, slots=True)
class RuleInputs:
    """Which metrics are read point by point, and which params the rules look at."""

    is_metric: Callable[[str], bool]
    params: frozenset[str] = frozenset()
