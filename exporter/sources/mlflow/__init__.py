"""MLflow runs as a source."""

from exporter.sources.mlflow.cursor import Lookback, Mark
from exporter.sources.mlflow.settings import MlflowSettings, RuleInputs
from exporter.sources.mlflow.source import MlflowSource

__all__ = ["Lookback", "Mark", "MlflowSettings", "MlflowSource", "RuleInputs"]
