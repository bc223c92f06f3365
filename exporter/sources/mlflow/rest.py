"""A tracking server as a tracking store."""

from __future__ import annotations

import logging

from exporter.sources.mlflow.connection import Connection
from exporter.sources.mlflow.interval import IntervalHistory
from exporter.sources.mlflow.searches import RestRunIndex
from exporter.sources.mlflow.tracking import Tracking

ROW_SAMPLING_SINCE = (3, 15)

_log = logging.getLogger("tunewatch.mlflow")


def connect(uri: str, timeout: float) -> Tracking:
    """Return the store behind a tracking URI; raises SourceDown when there is no server."""
    connection = Connection(uri, timeout)
    version = connection.version()
    current = version is not None and version >= ROW_SAMPLING_SINCE
    if version is not None and not current:
        _log.warning(
            "MLflow %d.%d at %s reads whole histories for each poll: upgrade it to %d.%d",
            *version,
            connection.where,
            *ROW_SAMPLING_SINCE,
        )
    link = connection.where if connection.where.startswith(("http://", "https://")) else ""
    return Tracking(
        link=link,
        runs=RestRunIndex(connection),
        history=IntervalHistory(connection, samples_rows=current),
    )
