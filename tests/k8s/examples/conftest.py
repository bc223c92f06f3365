"""A real tracking store for the runs of the example."""

from tests.support.mlflow_fixtures import empty_database, local, plain_environment

__all__ = ["empty_database", "local", "plain_environment"]
