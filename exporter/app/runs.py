"""The MLflow source of the run role, and what the rules need from it."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.history import Roles
from alerts.history.intake import Cursor
from exporter.config import Config
from exporter.feed import Feed
from exporter.sources.mlflow import Mark, MlflowSettings, MlflowSource, RuleInputs

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


def mlflow_settings(config: Config) -> MlflowSettings:
    """Turn the section of the file into the settings of the source."""
    section = config.mlflow
    return MlflowSettings(
        tracking_uri=section.tracking_uri or "",
        public_url=section.public_url or "",
        experiments=section.experiments,
        exclude_experiments=section.exclude_experiments,
        interval=section.interval,
        ended_grace=section.ended_grace,
        max_metrics_per_run=section.max_metrics_per_run,
        system_metrics=section.system_metrics,
        params=section.params,
    )


def rule_inputs(config: Config) -> RuleInputs:
    """Return which metrics are read point by point, and which params the rules look at."""
    return RuleInputs(Roles(config.rules.metrics).plays, RULE_PARAMS)


def mlflow_source(
    config: Config,
    environ: Mapping[str, str],
    feed: Feed,
    cursors: Mapping[str, Mapping[str, Cursor]],
) -> MlflowSource:
    """Return the source that reads on where `cursors` say that judging stopped."""
    marks = {
        run_id: {
            metric: Mark(cursor.step, cursor.time, cursor.highest)
            for metric, cursor in by_metric.items()
        }
        for run_id, by_metric in cursors.items()
    }
    configured = config.mlflow.tracking_uri or environ.get("MLFLOW_TRACKING_URI")
    return MlflowSource(
        mlflow_settings(config), feed, rule_inputs(config), marks, expected=bool(configured)
    )
