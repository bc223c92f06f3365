"""How what is wanted of one metric is put into requests: spans together, long ranges divided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from exporter.sources.mlflow.tracking import Point, Span

MAX_RUNS = 100
"""More run ids are refused by the server."""
MAX_URL = 3_800
"""gunicorn, the default of MLflow 2, refuses request lines above 4,094 bytes."""
SURPLUS_ROWS = 250
"""A request costs as much as 250 rows: re-reading more than that is dearer than asking again."""
PARTS = 8
"""Into how many parts a range with too many points is divided."""


def batches(key: str, spans: Sequence[Span], where: str) -> Iterator[list[Span]]:
    """Group spans that begin near each other, since one request has one first step for all."""
    room = runs_per_request(key, where)
    batch: list[Span] = []
    for span in sorted(spans, key=lambda span: span.first):
        if batch and (len(batch) >= room or _surplus(batch[0], span) > SURPLUS_ROWS):
            yield batch
            batch = []
        batch.append(span)
    if batch:
        yield batch


def runs_per_request(key: str, where: str) -> int:
    """Return how many run ids fit into one URL beside the metric key."""
    fixed = len(where) + len(quote(key)) + 200
    return max(1, min(MAX_RUNS, (MAX_URL - fixed) // len("&run_ids=" + 32 * "0")))


def split(sample: Sequence[Point], first: int, last: int) -> list[tuple[int, int]]:
    """Divide a range of steps, `first` < `last`, into parts with about as many points each.

    `sample` holds points spread evenly over the points of the range, in order of step. Returns two
    or more ranges in order.
    """
    cuts = {sample[len(sample) * part // PARTS].step for part in range(1, PARTS)}
    starts = sorted(cut for cut in cuts if first < cut <= last)
    if not starts:
        # All of them are on the first step.
        starts = [first + 1]
    return list(zip([first, *starts], [*(start - 1 for start in starts), last], strict=True))


def _surplus(earliest: Span, span: Span) -> float:
    return (span.first - earliest.first) / max(1, span.stride)
