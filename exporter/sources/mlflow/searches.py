"""Runs and experiments of a tracking server, in as few requests as possible."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

from exporter.sources.mlflow.answers import MALFORMED, Json, read_experiments, read_runs
from exporter.sources.mlflow.connection import Connection
from exporter.sources.mlflow.faults import unexpected
from exporter.sources.mlflow.tracking import TrackedRun

PAGE = 1_000
IDS_PER_SEARCH = 200
"""Thousands of ids in one filter are refused by the server's parser."""

_RUN_ID = re.compile(r"[\w-]+")
_T = TypeVar("_T")


class RestRunIndex:
    """Answers of experiments/search and runs/search.

    Filters know only AND, and neither `status IN` nor `end_time IS NULL`: hence three searches.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def experiments(self) -> Mapping[str, str]:
        """Return the names of all active experiments by id."""
        names: dict[str, str] = {}
        for answer in self._pages("experiments/search", {}):
            names.update(self._parse(read_experiments, answer, "experiments"))
        return names

    def running(
        self, experiments: Collection[str], started_after: int | None = None
    ) -> list[TrackedRun]:
        """Return runs with status RUNNING, oldest first."""
        condition = "attributes.status = 'RUNNING'"
        if started_after is not None:
            condition += f" AND attributes.start_time > {started_after}"
        return self._search(experiments, condition)

    def ended_since(self, experiments: Collection[str], since: int) -> list[TrackedRun]:
        """Return runs that do not run and whose end time is later than `since` (ms)."""
        return self._search(
            experiments,
            f"attributes.end_time > {since} AND attributes.status != 'RUNNING'",
        )

    def by_ids(self, experiments: Collection[str], run_ids: Collection[str]) -> list[TrackedRun]:
        """Return those of the runs that still exist, deleted ones marked."""
        sound = sorted(filter(_RUN_ID.fullmatch, run_ids))
        runs: list[TrackedRun] = []
        for start in range(0, len(sound), IDS_PER_SEARCH):
            quoted = ",".join(f"'{run_id}'" for run_id in sound[start : start + IDS_PER_SEARCH])
            runs += self._search(experiments, f"attributes.run_id IN ({quoted})", view="ALL")
        return runs

    def _search(
        self, experiments: Collection[str], condition: str, view: str = "ACTIVE_ONLY"
    ) -> list[TrackedRun]:
        if not experiments:
            return []
        body = {
            "experiment_ids": sorted(experiments),
            "filter": condition,
            "run_view_type": view,
            "order_by": ["attributes.start_time ASC"],
        }
        # Pages are offsets, so a run that leaves the result may shift another over a page's edge:
        # it comes twice, or is looked for by its id.
        runs = {
            run.run_id: run
            for answer in self._pages("runs/search", body)
            for run in self._parse(read_runs, answer, "runs")
        }
        return list(runs.values())

    def _pages(self, path: str, body: Mapping[str, Any]) -> Iterator[Json]:
        token = ""
        while True:
            page = {**body, "max_results": PAGE, **({"page_token": token} if token else {})}
            answer = self._connection.post(path, page)
            yield answer
            following = str(answer.get("next_page_token") or "")
            if not following or following == token:
                return
            token = following

    def _parse(self, parse: Callable[[Json], _T], answer: Json, what: str) -> _T:
        try:
            return parse(answer)
        except MALFORMED as error:
            raise unexpected(what, self._connection.where) from error
