"""Many runs with long histories, put into an MLflow database by SQL as MLflow would."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

METRICS = (
    *("loss", "grad_norm", "learning_rate", "epoch", "eval_loss", "eval_runtime"),
    *("eval_samples_per_second", "eval_steps_per_second", "tokens", "gpu_hours", "reward", "kl"),
)
"""What a Trainer logs, padded to twelve."""

_EXPERIMENT = """
    INSERT OR IGNORE INTO experiments (name, artifact_location, lifecycle_stage)
    VALUES (?, '', 'active')
"""

_RUNS = """
    INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time,
                      lifecycle_stage, experiment_id)
    SELECT run.value, 'bulk-' || run.key, 'LOCAL', 'bulk', :status, :started, :ended,
           'active', :home
    FROM json_each(:run_ids) AS run
"""

_PARAMS = """
    INSERT INTO params (key, value, run_uuid)
    WITH RECURSIVE param(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM param WHERE n + 1 < :params)
    SELECT 'param_' || n, 'a value of usual length', run.value
    FROM param CROSS JOIN json_each(:run_ids) AS run
    WHERE :params > 0
"""

_TAGS = """
    INSERT INTO tags (key, value, run_uuid)
    WITH tag(key, value) AS (VALUES
        ('mlflow.runName', NULL), ('mlflow.source.name', 'scripts/train.py'),
        ('mlflow.source.type', 'LOCAL'), ('mlflow.user', 'bulk'))
    SELECT tag.key, coalesce(tag.value, 'bulk-' || run.key), run.value
    FROM tag CROSS JOIN json_each(:run_ids) AS run
"""

_POINTS = """
    INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)
    WITH RECURSIVE point(n) AS (
        SELECT :first UNION ALL SELECT n + 1 FROM point WHERE n + 1 < :first + :points
    )
    SELECT metric.value, 1.0 + 1.0 / (n + 1), :started + n * :every, run.value, n * :stride, 0
    FROM json_each(:metrics) AS metric CROSS JOIN point CROSS JOIN json_each(:run_ids) AS run
"""

_LATEST = """
    INSERT OR REPLACE INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)
    SELECT metric.value, 1.0 + 1.0 / (:last + 1), :started + :last * :every, :last * :stride, 0,
           run.value
    FROM json_each(:metrics) AS metric CROSS JOIN json_each(:run_ids) AS run
"""

_INDEXES = """
    SELECT name, sql FROM sqlite_master
    WHERE tbl_name = 'metrics' AND type = 'index' AND sql IS NOT NULL
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

    @property
    def ended(self) -> int | None:
        """When the runs ended, if they did."""
        return None if self.status == "RUNNING" else self.started + self.points * self.every


def fill(database: Path, experiment: str, bulk: Bulk) -> list[str]:
    """Insert the runs into an experiment, which is created if need be; returns their ids."""
    # In the order of the ids SQLite fills its indexes from one end to the other.
    run_ids = sorted(uuid.uuid4().hex for _ in range(bulk.runs))
    with _connected(database) as connection:
        of = {
            "home": _experiment(connection, experiment),
            "run_ids": json.dumps(run_ids),
            "status": bulk.status,
            "started": bulk.started,
            "ended": bulk.ended,
            "params": bulk.params,
        }
        for statement in (_RUNS, _PARAMS, _TAGS):
            connection.execute(statement, of)
        _extend(connection, run_ids, bulk, first=0, points=bulk.points)
    return run_ids


def extend(database: Path, run_ids: Iterable[str], bulk: Bulk, *, first: int, points: int) -> None:
    """Log further points, from number `first` on, to every metric of the runs."""
    with _connected(database) as connection:
        _extend(connection, sorted(run_ids), bulk, first=first, points=points)


@contextlib.contextmanager
def without_indexes(database: Path) -> Iterator[None]:
    """Make the indexes of points after the block, which is much faster for millions of them."""
    with _connected(database) as connection:
        indexes = connection.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
    yield
    with _connected(database) as connection:
        for _, statement in indexes:
            connection.execute(statement)


@contextlib.contextmanager
def _connected(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        yield connection


def _experiment(connection: sqlite3.Connection, name: str) -> int:
    connection.execute(_EXPERIMENT, (name,))
    query = "SELECT experiment_id FROM experiments WHERE name = ?"
    return int(connection.execute(query, (name,)).fetchone()[0])


def _extend(
    connection: sqlite3.Connection, run_ids: Sequence[str], bulk: Bulk, *, first: int, points: int
) -> None:
    of = {
        "metrics": json.dumps(sorted(bulk.metrics)),
        "run_ids": json.dumps(run_ids),
        "started": bulk.started,
        "every": bulk.every,
        "stride": bulk.stride,
    }
    connection.execute(_POINTS, {**of, "first": first, "points": points})
    connection.execute(_LATEST, {**of, "last": first + points - 1})
