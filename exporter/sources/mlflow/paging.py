"""History in the order of time, page by page, where asking by steps does not help.

That is so for a step with more points than one answer holds (scripts that log without a step use
step 0 for all), and for a gap with more points than one update may have. A page costs the server as
much as the whole history, so the last page's token is kept: the next reading begins there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from exporter.sources.mlflow.answers import MALFORMED, read_points
from exporter.sources.mlflow.connection import Connection
from exporter.sources.mlflow.faults import Refused, unexpected
from exporter.sources.mlflow.tracking import Point, RunUnreadable, Span, Stretch

PAGE_ROWS = 10_000
OVERLAP = 50
"""How many points at the end are read again: the last of them may have had a twin in time."""

_Place = tuple[str, str]


class _Checkpoint(NamedTuple):
    """A place in a history: everything before `token` was logged no later than `time` (ms)."""

    time: int
    token: str


class PagedHistory:
    """Answers of get-history, whose order is (time, step, value)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._checkpoints: dict[_Place, list[_Checkpoint]] = {}

    def read(self, key: str, span: Span, limit: int) -> Stretch:
        """Return the new points of a span: the earliest, at least `limit` if there are more.

        Where nothing is known yet, the last `limit` points are returned instead.
        """
        place = (span.run_id, key)
        token = self._resume(place, span.after)
        points: deque[Point] = deque(maxlen=limit if span.after is None else None)
        found = 0
        while True:
            page, following = self._page(place, min(limit, PAGE_ROWS), token)
            self._note(place, page, token)
            new = [point for point in page if _wanted(point, span)]
            points += new
            found += len(new)
            if not following:
                break
            token = following
            if span.after is not None and len(points) >= limit:
                return Stretch(list(points), until=_surely(points), only_new=True)
        if len(page) > 10 * OVERLAP:
            _, near = self._page(place, len(page) - OVERLAP, token)
            self._note(place, page[-OVERLAP:], near)
        if span.after is not None and found > limit:
            return _earliest(list(points), limit)
        until = points[-1].time if found > len(points) else None
        return Stretch(list(points), until, only_new=True)

    def _resume(self, place: _Place, after: int | None) -> str:
        """Return where to read on, before which there is nothing but what is known."""
        if after is None:
            return ""
        checkpoints = self._checkpoints.get(place, [])
        passed = [checkpoint for checkpoint in checkpoints if checkpoint.time < after]
        # What was read but not handed on has to come again, so later checkpoints stay for later.
        self._checkpoints[place] = checkpoints[max(0, len(passed) - 1) :]
        return passed[-1].token if passed else ""

    def _note(self, place: _Place, page: Sequence[Point], token: str) -> None:
        checkpoints = self._checkpoints.setdefault(place, [])
        if page and token and (not checkpoints or checkpoints[-1].time < page[0].time):
            checkpoints.append(_Checkpoint(page[0].time, token))

    def _page(self, place: _Place, rows: int, token: str) -> tuple[list[Point], str]:
        query: dict[str, str | int] = {
            "run_id": place[0],
            "metric_key": place[1],
            "max_results": rows,
        }
        if token:
            query["page_token"] = token
        try:
            answer = self._connection.get("metrics/get-history", query)
        except Refused as error:
            raise RunUnreadable(error.problem, error.remedy) from error
        try:
            return read_points(answer), str(answer.get("next_page_token") or "")
        except MALFORMED as error:
            raise unexpected("metric points", self._connection.where) from error


def _wanted(point: Point, span: Span) -> bool:
    return span.first <= point.step <= span.last and point.time >= (span.after or 0)


def _earliest(points: Sequence[Point], limit: int) -> Stretch:
    """Return the first points of what came at once: servers before 3.2 know no pages."""
    while limit < len(points) and points[limit].time == points[limit - 1].time:
        limit += 1
    return Stretch(points[:limit], points[limit - 1].time, only_new=True)


def _surely(points: Sequence[Point]) -> int:
    """Return until when the points of some pages are complete.

    Points of the very last millisecond may go on in the next page.
    """
    last = points[-1].time
    return last - 1 if points[0].time < last else last
