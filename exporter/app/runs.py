"""The MLflow source of the run role, and what the rules need from it."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.history import Roles
from alerts.history.windows import Bookmark
from exporter.config import Config
from exporter.feed import Feed
from exporter.sources.mlflow import Lookback, Mark, MlflowSettings, MlflowSource, RuleInputs

RULE_PARAMS = frozenset(
    {
        "fp16",
        "gradient_accumulation_steps",
        "load_best_model_at_end",
        "logging_steps",
        "max_grad_norm",
        "max_steps",
        "metric_for_best_model",
        "num_train_epochs",
        "save_steps",
        "save_strategy",
        "save_total_limit",
        "transformers_version",
    }
)
"""Params that rules and messages read, whether they are exported or not."""
DISCOVERY_SECONDS = 30.0


def mlflow_settings(config: Config) -> MlflowSettings:
    """Turn the section of the file into the settings of the source."""
    section = config.mlflow
    return MlflowSettings(
        tracking_uri=section.tracking_uri or "",
        public_url=section.public_url or "",
        experiments=section.experiments,
        exclude_experiments=section.exclude_experiments,
        runs=section.runs,
        exclude_runs=section.exclude_runs,
        tags=section.tags,
        exclude_tags=section.exclude_tags,
        max_runs=section.max_runs,
        interval=section.interval,
        discovery_interval=section.discovery_interval or _discovery(section.interval),
        ended_grace=section.ended_grace,
        metrics=section.metrics,
        exclude_metrics=section.exclude_metrics,
        max_metrics_per_run=section.max_metrics_per_run,
        system_metrics=section.system_metrics,
        params=section.params,
        tag_params=section.tag_params,
    )


def _discovery(interval: float) -> float:
    """Return the default: listing experiments costs a server four times what other polls do."""
    return max(interval, min(4 * interval, DISCOVERY_SECONDS))


def rule_inputs(config: Config) -> RuleInputs:
    """Return what the rules need to know of runs."""
    rules = config.rules
    patience = min(rules.run_stalled.min_silence, rules.run_stalled.early_silence)
    return RuleInputs(Roles(rules.metrics).plays, RULE_PARAMS, patience)


def marks(cursors: Mapping[str, Mapping[str, Bookmark]]) -> dict[str, dict[str, Mark]]:
    """Return by run id and metric what the source has to know of the judging so far."""
    return {
        run_id: {metric: _mark(cursor) for metric, cursor in by_metric.items()}
        for run_id, by_metric in cursors.items()
    }


def _mark(cursor: Bookmark) -> Mark:
    window = cursor.window
    lookback = Lookback(window.first, window.last, cursor.latest) if window else None
    return Mark(cursor.step, cursor.time, cursor.highest, lookback)


def mlflow_source(
    config: Config,
    environ: Mapping[str, str],
    feed: Feed,
    cursors: Mapping[str, Mapping[str, Bookmark]],
) -> MlflowSource:
    """Return the source that reads on where `cursors` say that judging stopped.

    What rules look back on is read again before that.
    """
    configured = config.mlflow.tracking_uri or environ.get("MLFLOW_TRACKING_URI")
    return MlflowSource(
        mlflow_settings(config),
        feed,
        rule_inputs(config),
        marks(cursors),
        expected=bool(configured),
    )
