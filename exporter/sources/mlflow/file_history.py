"""Points of metrics in the files of a file store, which only grow."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from exporter.sources import SourceDown
from exporter.sources.mlflow.tracking import Point, Span, Stretch, read_value

ROWS = 2_500
"""How many points a sample has, as with a server."""

_log = logging.getLogger("tunewatch.mlflow")


class Latest(NamedTuple):
    """The last point of a file by (step, time, value) as of when it had `size` bytes."""

    size: int
    point: Point | None


def read_latest(path: Path, before: Latest | None) -> Latest:
    """Return the last point of a metric's file, reading only what is new since `before`."""
    size, point = (0, None) if before is None or path.stat().st_size < before.size else before
    with path.open("rb") as file:
        file.seek(size)
        for line in file:
            if not line.endswith(b"\n"):
                break  # it is just being written
            size += len(line)
            found = _point(line)
            if found is None:
                _log.warning("a line of %s is no point and is left out", path)
            point = max(filter(None, (point, found)), key=_rank, default=None)
    return Latest(size, point)


class FileHistory:
    """Reads the whole file of a metric that has moved; `find` names it by run id and metric."""

    def __init__(self, find: Callable[[str, str], Path]) -> None:
        self._find = find

    def recent(self, key: str, spans: Sequence[Span]) -> Mapping[str, Sequence[Point]]:
        """Return those spans by run id that have no more points than a server would answer."""
        found = {span.run_id: self._points(key, span) for span in spans}
        return {run_id: points for run_id, points in found.items() if len(points) <= ROWS}

    def read(self, key: str, span: Span, limit: int) -> Stretch:
        """Return one span, or about `limit` points of it if there are more."""
        points = self._points(key, span)
        if len(points) <= limit:
            return Stretch(points)
        if span.after is None:
            every = len(points) // ROWS + 1
            return Stretch(points[-limit:], until=0, sample=points[::every])
        new = sorted((p for p in points if p.time >= span.after), key=lambda p: (p.time, p.step))
        until = new[limit].time - 1 if len(new) > limit else None
        return Stretch(new[: limit + 1], until, only_new=True)

    def lowest_newer(
        self,
        key: str,
        span: Span,
        after: int,
        effort: int,  # noqa: ARG002 - one reading finds it
    ) -> int | None:
        """Return the lowest step with a point later than `after` (ms), or None."""
        newer = (point.step for point in self._points(key, span) if point.time > after)
        return min(newer, default=None)

    def _points(self, key: str, span: Span) -> list[Point]:
        """Return the points of a span in order of step and time."""
        path = self._find(span.run_id, key)
        try:
            points = {p for p in _all_points(path) if span.first <= p.step <= span.last}
        except OSError as error:
            raise SourceDown(
                f"the metric file {path} cannot be read ({error.strerror})",
                "check that it exists and that we may read it",
            ) from error
        return sorted(points, key=_rank)


def _all_points(path: Path) -> Iterator[Point]:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n") and (point := _point(line)):
                yield point


def _point(line: bytes) -> Point | None:
    """Read `time value step`, of which old versions wrote no step, and new ones a data set after.

    A machine that lost power may leave anything in a file; that is None.
    """
    try:
        time, value, *more = line.split()
        number = read_value(float(value))
        # Equal lines are one point, as in a database; only one and the same NaN equals itself.
        number = math.nan if math.isnan(number) else number
        return Point(int(more[0]) if more else 0, int(time), number)
    except ValueError:
        return None


def _rank(point: Point) -> tuple[int, int, bool, float]:
    """Order like MLflow's own latest value, with NaN below all numbers."""
    number = not math.isnan(point.value)
    return point.step, point.time, number, point.value if number else 0.0
