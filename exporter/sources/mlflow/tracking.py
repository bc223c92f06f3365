"""What the mirror asks of a tracking store, be it a server or a local database."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from alerts.model import RunStatus
from exporter.sources import SourceDown

LOWEST_STEP = -(2**63)
HIGHEST_STEP = 2**63 - 1


class Point(NamedTuple):
    """One logged value; `time` is Unix milliseconds, as MLflow keeps it."""

    step: int
    time: int
    value: float


class Span(NamedTuple):
    """The steps wanted of one run, both ends included.

    `stride` is the usual distance of two points, from which the number of rows is estimated.
    Points up to the time `after` (ms) are known to whoever asks; None when nothing is known.
    """

    run_id: str
    first: int = LOWEST_STEP
    last: int = HIGHEST_STEP
    stride: int = 1
    after: int | None = None


class Stretch(NamedTuple):
    """Points of a span.

    `until` is None when all new points are there. Otherwise there were more than the limit: of a
    span of which something is known, the points up to the time `until` (ms) are there; of one of
    which nothing is known the last are, and `sample` holds some evenly spread over the span.
    With `only_new` points that are known already may be missing.
    """

    points: Sequence[Point]
    until: int | None = None
    sample: Sequence[Point] = ()
    only_new: bool = False


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """One run as the store shows it; times are Unix milliseconds.

    `latest` maps each metric to its last point in the order of (step, time), which is not always
    the point that was logged last.
    """

    run_id: str
    name: str
    experiment_id: str
    user: str
    status: RunStatus
    started: int
    ended: int | None
    deleted: bool = False
    latest: Mapping[str, Point] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether the store says that the run is alive."""
        return self.status in ("RUNNING", "SCHEDULED")

    @property
    def active(self) -> int:
        """When the run last showed life: its newest point, else its start."""
        return max((point.time for point in self.latest.values()), default=self.started)


class RunUnreadable(SourceDown):
    """The store refuses the history of this one run, and only of this one."""


class RunIndex(Protocol):
    """Which runs there are; every method raises SourceDown when the store cannot be read."""

    def experiments(self) -> Mapping[str, str]:
        """Return the names of all active experiments by id."""

    def running(
        self, experiments: Collection[str], started_after: int | None = None
    ) -> list[TrackedRun]:
        """Return runs with status RUNNING, of those started after a time (ms) if one is given."""

    def ended_since(self, experiments: Collection[str], since: int) -> list[TrackedRun]:
        """Return runs that do not run and whose end time is later than `since` (ms)."""

    def by_ids(self, experiments: Collection[str], run_ids: Collection[str]) -> list[TrackedRun]:
        """Return those of the runs that still exist, deleted ones marked."""


class MetricHistory(Protocol):
    """What runs have logged; every method raises SourceDown when the store cannot be read."""

    def recent(self, key: str, spans: Sequence[Span]) -> Mapping[str, Sequence[Point]]:
        """Return complete spans of one metric by run id, at the cost of few requests.

        A run whose span could not be had completely this way is left out: use `read`.
        """

    def read(self, key: str, span: Span, limit: int) -> Stretch:
        """Return one span, or about `limit` points of it if there are more.

        Raises RunUnreadable when the store refuses this run.
        """

    def lowest_newer(self, key: str, span: Span, after: int, effort: int) -> int | None:
        """Return the lowest step with a point later than `after` (ms), or None.

        Finds points that `latest` hides because a resumed run logs lower steps again. On a history
        of very many points a search without a find ends after about `effort` requests, so a short
        rewind may be found only by a later call.
        """


class Tracking(NamedTuple):
    """A tracking store; `link` is where its UI shows runs, empty when it has none."""

    link: str
    runs: RunIndex
    history: MetricHistory


def read_value(value: float | str) -> float:
    """Undo how MLflow keeps what SQL cannot: NaN as text, infinities as the largest doubles."""
    number = float(value)
    if abs(number) >= sys.float_info.max:
        return float("inf") if number > 0 else float("-inf")
    return number


def read_status(status: object) -> RunStatus:
    """Return a known status; an unknown one of a future MLflow counts as alive."""
    known: dict[object, RunStatus] = {
        "SCHEDULED": "SCHEDULED",
        "FINISHED": "FINISHED",
        "FAILED": "FAILED",
        "KILLED": "KILLED",
    }
    return known.get(status, "RUNNING")
