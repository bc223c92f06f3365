"""A real MLflow server for the session, and stores to log into."""

from tests.support.mlflow_fixtures import (
    any_store,
    empty_database,
    folder,
    local,
    plain_environment,
    remote,
    server,
    store,
)

__all__ = [
    "any_store",
    "empty_database",
    "folder",
    "local",
    "plain_environment",
    "remote",
    "server",
    "store",
]
