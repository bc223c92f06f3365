"""Complete stretches of history out of an endpoint that samples: get-history-bulk-interval.

The endpoint answers at most 2,500 points per run, evenly sampled when there are more, so a full
answer is taken for incomplete and its range is divided. Bounds are always given: an open range
makes SQLite scan that metric in every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from exporter.sources.mlflow.answers import MALFORMED, read_bulk_points
from exporter.sources.mlflow.batches import batches, split
from exporter.sources.mlflow.connection import Connection
from exporter.sources.mlflow.faults import Refused, unexpected
from exporter.sources.mlflow.paging import PagedHistory
from exporter.sources.mlflow.tracking import Point, RunUnreadable, Span, Stretch

MAX_ROWS = 2_500
"""Per run, as the server allows."""
BATCH_ROWS = 20_000
"""Per request, so that an answer stays near 3 MB."""
OLD_SERVER_ROWS = 25_000
"""Servers before 3.15 drop the later rows of an answer above this."""


class IntervalHistory:
    """History of metrics by steps.

    `samples_rows` says that the server samples rows of each run (3.15 or later); older ones sample
    the distinct steps of all runs in the request together.
    """

    def __init__(self, connection: Connection, *, samples_rows: bool) -> None:
        self._connection = connection
        self._samples_rows = samples_rows
        self._paged = PagedHistory(connection)

    def recent(self, key: str, spans: Sequence[Span]) -> dict[str, Sequence[Point]]:
        """Return the spans that a batched request answers completely, by run id."""
        found: dict[str, Sequence[Point]] = {}
        for batch in batches(key, spans, self._connection.where):
            found.update(self._batch(key, batch))
        return found

    def read(self, key: str, span: Span, limit: int) -> Stretch:
        """Return one span exactly, or about `limit` points of it if there are more."""
        points: list[Point] = []
        sample: Sequence[Point] | None = None
        only_new = False
        ranges = [(span.first, span.last)]
        while ranges:
            first, last = ranges.pop()
            part = span._replace(first=first, last=last)
            found, complete = self._ask_one(key, part)
            sample = found if sample is None else sample
            if complete:
                points += found
            elif first < last:
                ranges += split(found, first, last)
                continue
            else:
                step = self._paged.read(key, part, limit)
                points += step.points
                only_new = True
            if len(points) >= limit:
                return self._too_much(key, span, limit, Stretch(points, 0, sample))
        return Stretch(points, only_new=only_new)

    def lowest_newer(self, key: str, span: Span, after: int, effort: int) -> int | None:
        """Return the lowest step of a point later than `after`.

        One answer over the whole span settles it up to 2,500 points. Beyond, that answer is a
        sample, and its parts are searched from the top: below a find until a part has none.
        """
        points, complete = self._ask_one(key, span)
        lowest = _lowest(points, after)
        ranges = [] if complete else split(points, span.first, span.last)
        while ranges and (lowest is not None or effort > 0):
            first, last = ranges.pop()
            last = last if lowest is None else min(last, lowest - 1)
            if first > last:
                continue
            part, complete = self._ask_one(key, span._replace(first=first, last=last))
            effort -= 1
            found = _lowest(part, after)
            if found is None and complete and lowest is not None:
                break
            lowest = lowest if found is None else found
            ranges += [] if complete or first == last else split(part, first, last)
        return lowest

    def _too_much(self, key: str, span: Span, limit: int, top: Stretch) -> Stretch:
        """Read what is new in order of time: part of the steps may lack what a rewind logged."""
        return top if span.after is None else self._paged.read(key, span, limit)

    def _batch(self, key: str, batch: Sequence[Span]) -> dict[str, Sequence[Point]]:
        rows = min(MAX_ROWS, max(1, BATCH_ROWS // len(batch)))
        first, last = min(s.first for s in batch), max(s.last for s in batch)
        try:
            points = self._ask(key, [span.run_id for span in batch], (first, last), rows)
        except Refused:
            # With workspaces or basic auth one unreadable run fails all of them.
            if len(batch) == 1:
                return {}
            half = len(batch) // 2
            return {**self._batch(key, batch[:half]), **self._batch(key, batch[half:])}
        if not self._samples_rows and not _complete_on_old_server(points, rows):
            return {}
        wanted = ((span, points.get(span.run_id, [])) for span in batch)
        return {
            span.run_id: [p for p in found if span.first <= p.step <= span.last]
            for span, found in wanted
            if len(found) < rows
        }

    def _ask_one(self, key: str, span: Span) -> tuple[list[Point], bool]:
        try:
            points = self._ask(key, [span.run_id], (span.first, span.last), MAX_ROWS)
        except Refused as error:
            raise RunUnreadable(error.problem, error.remedy) from error
        complete = (
            sum(map(len, points.values())) < MAX_ROWS
            if self._samples_rows
            else _complete_on_old_server(points, MAX_ROWS)
        )
        return points.get(span.run_id, []), complete

    def _ask(
        self, key: str, run_ids: Sequence[str], steps: tuple[int, int], rows: int
    ) -> dict[str, list[Point]]:
        query: Mapping[str, Any] = {
            "run_ids": run_ids,
            "metric_key": key,
            "start_step": steps[0],
            "end_step": steps[1],
            "max_results": rows,
        }
        answer = self._connection.get("metrics/get-history-bulk-interval", query)
        try:
            return read_bulk_points(answer)
        except MALFORMED as error:
            raise unexpected("metric points", self._connection.where) from error


def _lowest(points: Sequence[Point], after: int) -> int | None:
    return min((point.step for point in points if point.time > after), default=None)


def _complete_on_old_server(points: Mapping[str, Sequence[Point]], rows: int) -> bool:
    steps = {point.step for found in points.values() for point in found}
    return len(steps) < rows and sum(map(len, points.values())) < OLD_SERVER_ROWS
