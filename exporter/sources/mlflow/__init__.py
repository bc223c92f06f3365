"""MLflow runs as a source."""

from exporter.sources.mlflow.cursor import Mark
from exporter.sources.mlflow.settings import MlflowSettings, RuleInputs
from exporter.sources.mlflow.source import MlflowSource

__all__ = ["Mark", "MlflowSettings", "MlflowSource", "RuleInputs"]
