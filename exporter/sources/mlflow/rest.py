"""A tracking server as a tracking store."""

from __future__ import annotations

import logging
import os
from functools import cache

from exporter.sources import SourceDown
from exporter.sources.mlflow.connection import Connection
from exporter.sources.mlflow.interval import IntervalHistory
from exporter.sources.mlflow.searches import RestRunIndex
from exporter.sources.mlflow.tracking import Tracking

INTERVALS_SINCE = (2, 11)
WORKSPACES_SINCE = (3, 10)
ROW_SAMPLING_SINCE = (3, 15)

_log = logging.getLogger("tunewatch.mlflow")


def connect(uri: str, timeout: float) -> Tracking:
    """Return the store behind a tracking URI; raises SourceDown when there is no server.

    What the server lacks is found out here, and logged once in the life of the process.
    """
    connection = Connection(uri, timeout)
    where = connection.where
    version = connection.version()
    if version is not None and version < INTERVALS_SINCE:
        raise SourceDown(
            f"MLflow {_spelt(version)} at {where} is too old",
            f"upgrade it to {_spelt(INTERVALS_SINCE)}, better {_spelt(ROW_SAMPLING_SINCE)}",
        )
    if version is None:
        # Somebody else may have answered, or nobody: then this fails, and says how.
        connection.post("experiments/search", {"max_results": 1})
    _tell_of_age(where, version)
    _tell_of_workspaces(connection, version)
    return Tracking(
        link=where if where.startswith(("http://", "https://")) else "",
        runs=RestRunIndex(connection),
        history=IntervalHistory(
            connection, samples_rows=version is not None and version >= ROW_SAMPLING_SINCE
        ),
    )


def _tell_of_age(where: str, version: tuple[int, int] | None) -> None:
    better = _spelt(ROW_SAMPLING_SINCE)
    if version is None:
        _tell_once(
            f"{where} tells no version: it is asked as if it were older than MLflow {better}"
        )
    elif version < ROW_SAMPLING_SINCE:
        _tell_once(
            f"MLflow {_spelt(version)} at {where} reads the whole history of a metric for each new "
            f"point, so a poll costs it more the longer runs get: upgrade it to {better}"
        )


def _tell_of_workspaces(connection: Connection, version: tuple[int, int] | None) -> None:
    if os.environ.get("MLFLOW_WORKSPACE") or version is None or version < WORKSPACES_SINCE:
        return
    if connection.has_workspaces():
        _tell_once(
            f"{connection.where} has workspaces, of which only the default one is watched: "
            "set MLFLOW_WORKSPACE to watch another"
        )


def _spelt(version: tuple[int, int]) -> str:
    return "{}.{}".format(*version)


@cache
def _tell_once(text: str) -> None:
    """Log what stays true across outages, after which a server is got to know anew."""
    _log.warning("%s", text)
