"""A local MLflow database, read with SQLite itself: never created, migrated or locked for long.

MLflow's own client would create a missing file and refuse a schema of another revision.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from exporter.sources import SourceDown
from exporter.sources.mlflow import queries
from exporter.sources.mlflow.tracking import (
    LOWEST_STEP,
    Point,
    Span,
    Stretch,
    TrackedRun,
    Tracking,
    read_status,
    read_value,
)

BUSY_SECONDS = 5.0
ROWS = 2_500

_Row = tuple[Any, ...]


def connect(path: Path) -> Tracking:
    """Return the store in an SQLite file; raises SourceDown when there is no such file."""
    database = _Database(path)
    if not path.is_file():
        raise SourceDown(
            f"there is no MLflow database at {path}",
            "correct MLFLOW_TRACKING_URI, or wait until the first run creates it",
        )
    return Tracking(link="", runs=SqliteRunIndex(database), history=SqliteHistory(database))


class _Database:
    """Opens the file anew for each reading, so that a replaced file is noticed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._uri = f"file:{quote(str(path))}?mode=ro"

    def rows(self, *statements: tuple[str, Mapping[str, Any]]) -> list[list[_Row]]:
        """Return the rows of each statement, all as of one instant."""
        try:
            with closing(
                sqlite3.connect(self._uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
            ) as connection:
                connection.execute("BEGIN")
                return [connection.execute(sql, values).fetchall() for sql, values in statements]
        except sqlite3.Error as error:
            raise self._down(error) from error

    def _down(self, error: sqlite3.Error) -> SourceDown:
        text = str(error)
        if "locked" in text:
            return SourceDown(
                f"the MLflow database {self._path} stays locked",
                "let the program that writes it finish, or run `mlflow server` on it",
            )
        if "no such" in text or "not a database" in text:
            return SourceDown(
                f"{self._path} is not an MLflow database ({text})", "correct MLFLOW_TRACKING_URI"
            )
        return SourceDown(
            f"the MLflow database {self._path} cannot be read ({text})",
            "check that the file exists and that we may read it",
        )


class SqliteRunIndex:
    """Runs and experiments of a local database."""

    def __init__(self, database: _Database) -> None:
        self._database = database

    def experiments(self) -> Mapping[str, str]:
        """Return the names of all active experiments by id."""
        [rows] = self._database.rows((queries.EXPERIMENTS, {}))
        return dict(rows)

    def running(
        self, experiments: Collection[str], started_after: int | None = None
    ) -> list[TrackedRun]:
        """Return runs with status RUNNING, oldest first."""
        after = LOWEST_STEP if started_after is None else started_after
        return self._runs(queries.RUNNING, experiments, after=after)

    def ended_since(self, experiments: Collection[str], since: int) -> list[TrackedRun]:
        """Return runs that do not run and whose end time is later than `since` (ms)."""
        return self._runs(queries.ENDED, experiments, after=since)

    def by_ids(self, experiments: Collection[str], run_ids: Collection[str]) -> list[TrackedRun]:
        """Return those of the runs that still exist, deleted ones marked."""
        return self._runs(queries.BY_IDS, experiments, ids=json.dumps(sorted(run_ids)))

    def _runs(
        self,
        query: str,
        experiments: Collection[str],
        **values: Any,  # noqa: ANN401 - what SQLite takes
    ) -> list[TrackedRun]:
        values["experiments"] = json.dumps(sorted(experiments))
        [runs] = self._database.rows((query, values))
        if not runs:
            return []
        ids = {"ids": json.dumps([run[0] for run in runs])}
        latest, params, tags = self._database.rows(
            (queries.LATEST, ids), (queries.PARAMS, ids), (queries.TAGS, ids)
        )
        points: dict[str, dict[str, Point]] = {}
        for run_id, key, *point in latest:
            points.setdefault(run_id, {})[key] = _point(point)
        texts = (_pairs(params), _pairs(tags))
        return [
            _run(row, points.get(row[0], {}), *(t.get(row[0], {}) for t in texts)) for row in runs
        ]


class SqliteHistory:
    """Points of metrics in a local database."""

    def __init__(self, database: _Database) -> None:
        self._database = database

    def recent(self, key: str, spans: Sequence[Span]) -> Mapping[str, Sequence[Point]]:
        """Return those spans by run id that have no more rows than a server would answer."""
        found = self._database.rows(
            *((queries.POINTS, _values(key, span, ROWS + 1)) for span in spans)
        )
        return {
            span.run_id: [_point(row) for row in rows]
            for span, rows in zip(spans, found, strict=True)
            if len(rows) <= ROWS
        }

    def read(self, key: str, span: Span, limit: int) -> Stretch:
        """Return one span, or `limit` points of it if there are more."""
        points = self._points(queries.POINTS, key, span, limit + 1)
        if len(points) <= limit:
            return Stretch(points)
        if span.after is None:
            points = self._points(queries.LAST_POINTS, key, span, limit)
            return Stretch(points, until=0, sample=self._sample(key, span))
        # In order of time, since part of the steps may lack what a rewind logged.
        points = self._points(queries.NEW_POINTS, key, span, limit + 1)
        until = points[-1].time - 1 if len(points) > limit else None
        return Stretch(points, until, only_new=True)

    def _sample(self, key: str, span: Span) -> list[Point]:
        [rows] = self._database.rows((queries.SAMPLE, {**_values(key, span, 0), "rows": ROWS}))
        return [_point(row) for row in rows]

    def lowest_newer(
        self,
        key: str,
        span: Span,
        after: int,
        effort: int,  # noqa: ARG002 - one statement finds it
    ) -> int | None:
        """Return the lowest step with a point later than `after` (ms), or None."""
        values = {**_values(key, span, 0), "after": after}
        [[(step,)]] = self._database.rows((queries.LOWEST_NEWER, values))
        return None if step is None else int(step)

    def _points(self, query: str, key: str, span: Span, limit: int) -> list[Point]:
        [rows] = self._database.rows((query, _values(key, span, limit)))
        return [_point(row) for row in rows]


def _values(key: str, span: Span, limit: int) -> dict[str, Any]:
    return {**span._asdict(), "key": key, "limit": limit}


def _run(
    row: _Row, latest: Mapping[str, Point], params: Mapping[str, str], tags: Mapping[str, str]
) -> TrackedRun:
    run_id, name, experiment_id, user, status, started, ended, stage = row
    return TrackedRun(
        run_id=run_id,
        name=name or tags.get("mlflow.runName", ""),
        experiment_id=experiment_id,
        user=tags.get("mlflow.user") or user or "",
        status=read_status(status),
        started=started or 0,
        ended=ended,
        deleted=stage == "deleted",
        latest=latest,
        params=params,
        tags=tags,
    )


def _point(row: Sequence[Any]) -> Point:
    step, time, value, is_nan = row
    return Point(step, time, float("nan") if is_nan else read_value(value))


def _pairs(rows: Sequence[_Row]) -> dict[str, dict[str, str]]:
    pairs: dict[str, dict[str, str]] = {}
    for run_id, key, value in rows:
        pairs.setdefault(run_id, {})[key] = value or ""
    return pairs
