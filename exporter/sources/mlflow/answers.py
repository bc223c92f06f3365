"""From the JSON of MLflow's REST API to the values of `tracking`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exporter.sources.mlflow.tracking import Point, TrackedRun, read_status, read_value

Json = Mapping[str, Any]

MALFORMED = (KeyError, TypeError, ValueError, AttributeError)
"""What the functions here raise on JSON of another shape."""


def read_experiments(answer: Json) -> dict[str, str]:
    """Return names by id from an experiments/search answer."""
    return {str(row["experiment_id"]): str(row["name"]) for row in answer.get("experiments", ())}


def read_runs(answer: Json) -> list[TrackedRun]:
    """Return the runs of a runs/search answer."""
    return [_read_run(row["info"], row.get("data", {})) for row in answer.get("runs", ())]


def read_points(answer: Json) -> list[Point]:
    """Return the points of a get-history answer, in its order."""
    return [_read_point(row) for row in answer.get("metrics", ())]


def read_bulk_points(answer: Json) -> dict[str, list[Point]]:
    """Return the points by run id of a get-history-bulk-interval answer."""
    points: dict[str, list[Point]] = {}
    for row in answer.get("metrics", ()):
        points.setdefault(row["run_id"], []).append(_read_point(row))
    return points


def _read_run(info: Json, data: Json) -> TrackedRun:
    tags = _pairs(data.get("tags", ()))
    return TrackedRun(
        run_id=str(info["run_id"]),
        name=info.get("run_name") or tags.get("mlflow.runName", ""),
        experiment_id=str(info["experiment_id"]),
        user=tags.get("mlflow.user") or info.get("user_id", ""),
        status=read_status(info["status"]),
        started=int(info.get("start_time", 0)),
        ended=int(info["end_time"]) if info.get("end_time") else None,
        deleted=info.get("lifecycle_stage") == "deleted",
        latest={row["key"]: _read_point(row) for row in data.get("metrics", ())},
        params=_pairs(data.get("params", ())),
        tags=tags,
    )


def _read_point(row: Json) -> Point:
    return Point(int(row.get("step", 0)), int(row["timestamp"]), read_value(row["value"]))


def _pairs(rows: Any) -> dict[str, str]:  # noqa: ANN401 - unvalidated JSON
    return {row["key"]: row.get("value") or "" for row in rows}
