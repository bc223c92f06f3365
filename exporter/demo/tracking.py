"""The few calls of MLflow's REST API that a trainer makes, to a server on this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from exporter.demo.loopback import NoAnswer, request

PARAMS_PER_CALL = 100
"""MLflow refuses larger batches."""


class TrackingError(Exception):
    """The tracking server cannot be reached or refused a call; says which and how."""


class Tracking:
    """A tracking server on the loopback interface."""

    def __init__(self, port: int) -> None:
        self._port = port

    def create_experiment(self, name: str) -> str:
        """Create an experiment, unless there is one of that name, and return its id."""
        path = f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={quote(name)}"
        status, text = self._ask("GET", path)
        if status == 200:
            return str(json.loads(text)["experiment"]["experiment_id"])
        return str(self._call("experiments/create", {"name": name})["experiment_id"])

    def create_run(
        self, experiment_id: str, name: str, begun_ms: int, tags: Mapping[str, str]
    ) -> str:
        """Begin a run at `begun_ms` (Unix milliseconds) and return its id."""
        answer = self._call(
            "runs/create",
            {
                "experiment_id": experiment_id,
                "run_name": name,
                "start_time": begun_ms,
                "tags": _pairs(tags),
            },
        )
        return str(answer["run"]["info"]["run_id"])

    def log_params(self, run_id: str, params: Mapping[str, str]) -> None:
        """Log params, in as many calls as their number takes."""
        pairs = _pairs(params)
        for first in range(0, len(pairs), PARAMS_PER_CALL):
            batch = pairs[first : first + PARAMS_PER_CALL]
            self._call("runs/log-batch", {"run_id": run_id, "params": batch})

    def log_metrics(
        self, run_id: str, values: Mapping[str, float | str], step: int, at_ms: int
    ) -> None:
        """Log the values of one step at `at_ms` (Unix milliseconds)."""
        metrics = [
            {"key": key, "value": value, "step": step, "timestamp": at_ms}
            for key, value in values.items()
        ]
        self._call("runs/log-batch", {"run_id": run_id, "metrics": metrics})

    def end_run(self, run_id: str, status: str, ended_ms: int) -> None:
        """End a run with a status of MLflow at `ended_ms` (Unix milliseconds)."""
        self._call("runs/update", {"run_id": run_id, "status": status, "end_time": ended_ms})

    def _call(self, endpoint: str, body: Mapping[str, Any]) -> dict[str, Any]:
        status, text = self._ask("POST", f"/api/2.0/mlflow/{endpoint}", json.dumps(body))
        if status != 200:
            raise TrackingError(f"MLflow refused {endpoint}: {status} {text[:200]!r}")
        answer: dict[str, Any] = json.loads(text)
        return answer

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        try:
            return request(self._port, method, path, body)
        except NoAnswer as error:
            raise TrackingError(f"MLflow went away: {error}") from error


def _pairs(mapping: Mapping[str, str]) -> Sequence[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in mapping.items()]
