"""A real MLflow server for the session, and stores to log into."""

from tests.support.mlflow_fixtures import (
    empty_database,
    local,
    plain_environment,
    remote,
    server,
    store,
)

__all__ = ["empty_database", "local", "plain_environment", "remote", "server", "store"]
