"""Two clients of a tracking server: the daemon's own source, and what simple exporters do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from glob import escape
from http.client import HTTPConnection
from typing import Any

from exporter.app.runs import rule_inputs
from exporter.config import DEFAULT_CONFIG
from exporter.demo.loopback import HOST
from exporter.feed import Feed
from exporter.sources.mlflow import MlflowSettings, MlflowSource

TIMEOUT_SECONDS = 300.0
"""Other work on the machine must not end a measurement."""


class Poller:
    """The daemon's own source on an experiment, under a clock that it is told.

    Nobody is behind it: what it reads is counted and dropped.
    """

    def __init__(self, port: int, experiment: str) -> None:
        self._feed = Feed()
        settings = MlflowSettings(
            tracking_uri=f"http://{HOST}:{port}",
            experiments=(escape(experiment),),
            timeout=TIMEOUT_SECONDS,
        )
        self._source = MlflowSource(settings, self._feed, rule_inputs(DEFAULT_CONFIG))
        self._now = time.time()

    def poll(self, after: float | None = None) -> int:
        """Poll once, seconds after the poll before (by default at the interval).

        Returns how many points came.
        """
        self._now += self._source.interval if after is None else after
        self._source.collect(self._now)
        news = self._feed.peek()
        self._feed.acknowledge(len(news))
        return sum(len(update.points) for update in news)


class Simple:
    """Searches for active runs, and reads the whole history of every metric, each time.

    One connection is kept, and answers are parsed as plain JSON: what MLflow's own client makes of
    them would cost this side eight times as much.
    """

    def __init__(self, port: int, experiment: str) -> None:
        self._connection = HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)
        found = self._ask(f"experiments/get-by-name?experiment_name={experiment}")
        self._home = found["experiment"]["experiment_id"]

    def search(self) -> list[str]:
        """Return the ids of the active runs."""
        body = {
            "experiment_ids": [self._home],
            "filter": "attributes.status = 'RUNNING'",
            "max_results": 1000,
        }
        return [run["info"]["run_id"] for run in self._ask("runs/search", body)["runs"]]

    def read(self, histories: Iterable[tuple[str, str]]) -> int:
        """Read the histories of these runs and metrics; return how many points they have."""
        return sum(
            len(self._ask(f"metrics/get-history?run_id={run_id}&metric_key={key}")["metrics"])
            for run_id, key in histories
        )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        method, text = ("GET", None) if body is None else ("POST", json.dumps(body))
        headers = {"Content-Type": "application/json"}
        self._connection.request(method, f"/api/2.0/mlflow/{path}", text, headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(
                f"the server answered {path} with {response.status}: {answer!r:.200}"
            )
        return json.loads(answer)
