"""The configuration of the daemon: the alerting sections and one section per source."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from alerts.documents import Section, read, validate
from alerts.promrules.settings import PrometheusSettings
from alerts.thresholds import USER_THRESHOLDS, AlertSettings
from alerts.values import Names, Seconds

EXPORTED_PARAMS = (
    "learning_rate",
    "num_train_epochs",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "seed",
    "_name_or_path",
)
TAG_PARAMS = ("lora_rank", "lora_alpha", "lora_target", "dataset", "template", "finetuning_type")
"""What people compare and no trainer logs; a job tells it through its tags."""


def _without_credentials(uri: str) -> str:
    """Refuse secrets; a user alone, as of a database, is none."""
    scheme, found, rest = uri.partition("://")
    # All up to the last @, since a password may hold what ends an address.
    user, _, _ = (rest if found else uri).rpartition("@")
    web = scheme.lower() in ("http", "https")
    if user and (web or (":" in user and not user.startswith("/"))):
        raise ValueError(
            "must not hold a user or a password; set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or all of it as MLFLOW_TRACKING_URI, in the environment"
        )
    return uri


Interval = Annotated[Seconds, Field(ge=1)]
Count = Annotated[int, Field(ge=1)]


def _not_blind(globs: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a choice of nothing, which would look like a server without runs."""
    if not globs:
        raise ValueError('chooses nothing; leave it out for all, or write ["*"]')
    return globs


Chosen = Annotated[Names, AfterValidator(_not_blind)]


class NvmlSection(Section):
    """How GPUs are read; `dcgm_aliases` shows the readings by the names of dcgm-exporter too."""

    interval: Interval = 10.0
    dcgm_aliases: bool = False


class MlflowSection(Section):
    """Which runs are mirrored, how often, and how much of them; names are globs."""

    tracking_uri: Annotated[str, AfterValidator(_without_credentials)] | None = None
    public_url: Annotated[str, AfterValidator(_without_credentials)] | None = None
    interval: Interval = 15.0
    discovery_interval: Interval | None = None
    experiments: Chosen = ("*",)
    exclude_experiments: Names = ()
    runs: Chosen = ("*",)
    exclude_runs: Names = ()
    tags: dict[str, str] = Field(default_factory=dict)
    exclude_tags: dict[str, str] = Field(default_factory=dict)
    max_runs: Count = 1_000
    ended_grace: Seconds = 300.0
    metrics: Chosen = ("*",)
    exclude_metrics: Names = ()
    max_metrics_per_run: Count = 200
    system_metrics: bool = False
    params: Names = EXPORTED_PARAMS
    tag_params: Names = TAG_PARAMS


class Config(AlertSettings):
    """The whole file."""

    nvml: NvmlSection = NvmlSection()
    mlflow: MlflowSection = MlflowSection()
    prometheus: PrometheusSettings = PrometheusSettings()


DEFAULT_CONFIG = Config(thresholds=USER_THRESHOLDS)
"""What holds without a file: the thresholds of the design, every source at its defaults."""


def load_config(path: Path | None) -> Config:
    """Read and validate a file; raises alerts.documents.DocumentError with every mistake."""
    return DEFAULT_CONFIG if path is None else validate(Config, read(path))


def config_hash(config: Config) -> str:
    """Return a short stable hash of what the configuration says, not of how it is written."""
    text = config.model_dump_json(by_alias=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
