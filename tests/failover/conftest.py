"""A real MLflow server for the cluster whose holder fails."""

from tests.support.mlflow_fixtures import empty_database, plain_environment, server

__all__ = ["empty_database", "plain_environment", "server"]
