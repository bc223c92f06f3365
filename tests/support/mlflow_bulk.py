"""Many runs with long histories, put into an MLflow database by SQL as MLflow would."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

METRICS = (
    *("loss", "grad_norm", "learning_rate", "epoch", "eval_loss", "eval_runtime"),
    *("eval_samples_per_second", "eval_steps_per_second", "tokens", "gpu_hours", "reward", "kl"),
)
"""What a Trainer logs, padded to twelve."""

_POINTS = """
    INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)
    WITH RECURSIVE point(n) AS (
        SELECT :first UNION ALL SELECT n + 1 FROM point WHERE n + 1 < :first + :points
    )
    SELECT :key, 1.0 + 1.0 / (n + 1), :started + n * :every, :run_id, n * :stride, 0 FROM point
"""

_LATEST = """
    INSERT OR REPLACE INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)
    VALUES (:key, 1.0 + 1.0 / (:last + 1), :started + :last * :every, :last * :stride, 0, :run_id)
"""


@dataclass(frozen=True, slots=True)
class Bulk:
    """The shape of many runs: point n of a metric has step n·stride and time started + n·every.

    Times are milliseconds.
    """

    started: int
    runs: int = 1
    metrics: Sequence[str] = METRICS
    points: int = 1_000
    stride: int = 10
    every: int = 10_000
    params: int = 15
    status: str = "RUNNING"


def fill(database: Path, experiment: str, bulk: Bulk) -> list[str]:
    """Insert the runs into an experiment, which is created if need be; returns their ids."""
    run_ids = [uuid.uuid4().hex for _ in range(bulk.runs)]
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        home = _experiment(connection, experiment)
        for number, run_id in enumerate(run_ids):
            _run(connection, home, run_id, f"bulk-{number}", bulk)
            _extend(connection, run_id, bulk, first=0, points=bulk.points)
    return run_ids


def extend(database: Path, run_ids: Sequence[str], bulk: Bulk, *, first: int, points: int) -> None:
    """Log further points, from number `first` on, to every metric of the runs."""
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        for run_id in run_ids:
            _extend(connection, run_id, bulk, first=first, points=points)


def _experiment(connection: sqlite3.Connection, name: str) -> int:
    connection.execute(
        "INSERT OR IGNORE INTO experiments (name, artifact_location, lifecycle_stage)"
        " VALUES (?, '', 'active')",
        (name,),
    )
    query = "SELECT experiment_id FROM experiments WHERE name = ?"
    return int(connection.execute(query, (name,)).fetchone()[0])


def _run(connection: sqlite3.Connection, home: int, run_id: str, name: str, bulk: Bulk) -> None:
    connection.execute(
        "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time,"
        " lifecycle_stage, experiment_id) VALUES (?, ?, 'LOCAL', 'bulk', ?, ?, 'active', ?)",
        (run_id, name, bulk.status, bulk.started, home),
    )
    connection.executemany(
        "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
        [(f"param_{number}", "a value of usual length", run_id) for number in range(bulk.params)],
    )
    connection.executemany(
        "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)",
        [
            ("mlflow.runName", name, run_id),
            ("mlflow.user", "bulk", run_id),
            ("mlflow.source.name", "scripts/train.py", run_id),
            ("mlflow.source.type", "LOCAL", run_id),
        ],
    )


def _extend(
    connection: sqlite3.Connection, run_id: str, bulk: Bulk, *, first: int, points: int
) -> None:
    for key in bulk.metrics:
        shape = {"started": bulk.started, "every": bulk.every, "stride": bulk.stride}
        of = {"key": key, "run_id": run_id, **shape}
        connection.execute(_POINTS, {**of, "first": first, "points": points})
        connection.execute(_LATEST, {**of, "last": first + points - 1})
