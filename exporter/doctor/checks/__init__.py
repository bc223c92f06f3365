"""The table of checks: one row for everything that the doctor looks at."""

from __future__ import annotations

from exporter.doctor.checks import (
    evaluation,
    keys,
    numerics,
    reporting,
    saving,
    tags,
    tracking,
)
from exporter.doctor.checks.check import Check
from exporter.doctor.finding import Level

CHECKS = (
    Check(
        "task",
        Level.ERROR,
        "`do_train: true`, and a `stage` that LLaMA-Factory has",
        keys.task,
    ),
    Check(
        "unknown-key",
        Level.ERROR,
        "keys that LLaMA-Factory refuses, such as `early_stopping_patience` (it has "
        "`early_stopping_steps`), with the nearest one that it takes",
        keys.unknown_keys,
    ),
    Check(
        "gone-key", Level.WARNING, "keys that the newest releases no longer take", keys.gone_keys
    ),
    Check("duplicate-key", Level.ERROR, "keys that are given twice in one file", keys.duplicates),
    Check("type", Level.ERROR, "numbers and switches that are written as text", keys.types),
    Check(
        "variable",
        Level.ERROR,
        "`${VARIABLES}` that nothing replaces or sets; what the files do not hold is named",
        keys.variables,
    ),
    Check("report-to", Level.ERROR, "`report_to: mlflow`", reporting.report_to),
    Check(
        "logging-steps",
        Level.ERROR,
        "`logging_steps` of at most 100, and `logging_strategy: steps`",
        reporting.logging_steps,
    ),
    Check(
        "logging-first-step",
        Level.WARNING,
        "`logging_first_step: true`",
        reporting.logging_first_step,
    ),
    Check(
        "logging-and-eval",
        Level.WARNING,
        "`logging_steps` of at most `eval_steps`",
        reporting.logging_beside_evaluation,
    ),
    Check(
        "nan-filter",
        Level.WARNING,
        "`logging_nan_inf_filter`, which hides NaN losses, beside `max_grad_norm`",
        reporting.nan_filter,
    ),
    Check(
        "validation-set",
        Level.ERROR,
        "`val_size` above 0 or an `eval_dataset`, not both",
        evaluation.validation_set,
    ),
    Check(
        "eval-strategy",
        Level.ERROR,
        "`eval_strategy: steps`, by this name",
        evaluation.strategy,
    ),
    Check("eval-steps", Level.ERROR, "`eval_steps` beside it", evaluation.steps),
    Check(
        "eval-batch-size",
        Level.WARNING,
        "`per_device_eval_batch_size`, whose default is 8",
        evaluation.batch_size,
    ),
    Check(
        "eval-metrics",
        Level.ERROR,
        "what `compute_accuracy` and `predict_with_generate` cost; they exclude each other",
        evaluation.metrics,
    ),
    Check(
        "checkpoints",
        Level.ERROR,
        "`save_strategy`, `save_steps` and `save_total_limit`",
        saving.checkpoints,
    ),
    Check(
        "best-model",
        Level.ERROR,
        "`load_best_model_at_end`: the same strategy for saving and evaluating, and `save_steps` a "
        "multiple of `eval_steps`",
        saving.best_model,
    ),
    Check(
        "best-metric",
        Level.ERROR,
        "`metric_for_best_model` that is logged, and `greater_is_better` that fits it",
        saving.best_metric,
    ),
    Check(
        "early-stopping",
        Level.ERROR,
        "`early_stopping_steps` with evaluations and a metric; it counts evaluations",
        saving.early_stopping,
    ),
    Check("precision", Level.ERROR, "`bf16: true` rather than `fp16: true`", numerics.precision),
    Check("seeds", Level.NOTE, "`seed` and `data_seed`", numerics.seeds),
    Check(
        "tracking-uri",
        Level.ERROR,
        "`MLFLOW_TRACKING_URI`, a server, and without a password in it",
        tracking.tracking_uri,
    ),
    Check(
        "experiment",
        Level.ERROR,
        "`MLFLOW_EXPERIMENT_NAME`, one that tunewatch is configured to watch",
        tracking.experiment,
    ),
    Check(
        "secrets",
        Level.ERROR,
        "passwords in a Secret, and Secrets and ConfigMaps that have the keys asked for",
        tracking.secrets,
    ),
    Check(
        "pod-tags",
        Level.ERROR,
        "`MLFLOW_TAGS` with `k8s.namespace`, `k8s.pod` and `k8s.node` by the downward API",
        tags.pod_tags,
    ),
    Check(
        "param-tags",
        Level.WARNING,
        "`MLFLOW_TAGS` with `param.<name>` for what no trainer logs, as the configuration has it",
        tags.params,
    ),
    Check("gpu", Level.WARNING, "a container that asks for a GPU", tags.gpus),
)
"""Every check on one configuration, in the order in which the reference lists them."""
