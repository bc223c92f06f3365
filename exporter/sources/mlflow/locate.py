"""From a tracking URI, or the lack of one, to the store behind it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from exporter.sources import SourceDown
from exporter.sources.mlflow.database import connect as connect_database
from exporter.sources.mlflow.files import connect as connect_folder
from exporter.sources.mlflow.settings import MlflowSettings
from exporter.sources.mlflow.tracking import Tracking

DEFAULT_DATABASE = Path("mlflow.db")
"""Where MLflow itself keeps runs when nothing is configured."""
DEFAULT_FOLDER = Path("mlruns")
"""Where it did before 3.7, and still does where there are such runs."""

_DATABASES = ("postgresql", "mysql", "mssql")


def locate(settings: MlflowSettings) -> Tracking:
    """Return the store to mirror.

    Raises SourceDown when none is configured, or it cannot be reached, or is of a kind that
    cannot be read.
    """
    uri = settings.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", "") or _default_uri()
    scheme = urlsplit(uri).scheme.partition("+")[0]
    if scheme == "sqlite":
        tracking = connect_database(_sqlite_path(uri))
    elif scheme in ("", "file"):
        tracking = connect_folder(_folder(uri))
    elif scheme in _DATABASES:
        raise SourceDown(
            f"MLflow's {scheme} database is not read directly",
            "point MLFLOW_TRACKING_URI at the MLflow server in front of it",
        )
    else:
        tracking = _connect_server(uri, settings.timeout)
    return tracking._replace(link=settings.public_url.rstrip("/") or tracking.link)


def _connect_server(uri: str, timeout: float) -> Tracking:
    # Importing mlflow takes a second and 70 MiB, so it waits until there is a server to ask.
    try:
        from exporter.sources.mlflow.rest import connect  # noqa: PLC0415 - see above
    except ImportError as error:
        raise SourceDown(
            "the mlflow package is missing", "install it: pip install mlflow-skinny"
        ) from error
    return connect(uri, timeout)


def _default_uri() -> str:
    if any(DEFAULT_FOLDER.glob("[0-9]*/meta.yaml")):
        return str(DEFAULT_FOLDER)
    if DEFAULT_DATABASE.is_file():
        return f"sqlite:///{DEFAULT_DATABASE}"
    raise SourceDown(
        "no MLflow tracking server is configured",
        "set MLFLOW_TRACKING_URI, or start where MLflow keeps its mlflow.db or mlruns",
    )


def _folder(uri: str) -> Path:
    return Path(unquote(uri.removeprefix("file:").removeprefix("//")) if ":" in uri else uri)


def _sqlite_path(uri: str) -> Path:
    literal = Path(uri.partition(":///")[2].partition("?")[0])
    decoded = Path(unquote(str(literal)))
    return decoded if decoded.is_file() and not literal.is_file() else literal
