"""Runs logged the way trainers log them, and recorded runs put back with their own times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.recordings import Recording

if TYPE_CHECKING:
    from mlflow import MlflowClient

METRICS_PER_BATCH = 1_000
PARAMS_PER_BATCH = 100


class Trainer:
    """One run of a tracking store, written through MLflow's own client; times are in ms."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self._client = client
        self.run_id = run_id

    @classmethod
    def begin(
        cls,
        client: MlflowClient,
        *,
        at: int,
        name: str = "",
        experiment: str = "tests",
        tags: dict[str, str] | None = None,
    ) -> Trainer:
        """Create a run that started at a time."""
        run = client.create_run(
            experiment_id(client, experiment), start_time=at, tags=tags or {}, run_name=name or None
        )
        return cls(client, run.info.run_id)

    def log(self, step: int, at: int, **values: float) -> None:
        """Log one record: some metrics at one step and time."""
        self.points([(key, step, at, value) for key, value in values.items()])

    def points(self, points: list[tuple[str, int, int, float]]) -> None:
        """Log (metric, step, time, value) in as few batches as the server allows."""
        from mlflow.entities import Metric  # noqa: PLC0415 - seconds

        metrics = [Metric(key, value, at, step) for key, step, at, value in points]
        for first in range(0, len(metrics), METRICS_PER_BATCH):
            self._client.log_batch(self.run_id, metrics[first : first + METRICS_PER_BATCH])

    def params(self, params: dict[str, str]) -> None:
        """Log params in as few batches as the server allows."""
        from mlflow.entities import Param  # noqa: PLC0415 - seconds

        pairs = [Param(key, value) for key, value in params.items()]
        for first in range(0, len(pairs), PARAMS_PER_BATCH):
            self._client.log_batch(self.run_id, params=pairs[first : first + PARAMS_PER_BATCH])

    def tag(self, key: str, value: str) -> None:
        """Set a tag."""
        self._client.set_tag(self.run_id, key, value)

    def rename(self, name: str) -> None:
        """Give the run another name."""
        self._client.update_run(self.run_id, name=name)

    def end(self, at: int, status: str = "FINISHED") -> None:
        """End the run by the client's clock."""
        self._client.set_terminated(self.run_id, status, at)

    def resume(self) -> None:
        """Set the run RUNNING again, as `mlflow.start_run(run_id=...)` does."""
        self._client.update_run(self.run_id, status="RUNNING")

    def delete(self) -> None:
        """Move the run to the bin."""
        self._client.delete_run(self.run_id)

    def restore(self) -> None:
        """Take the run out of the bin."""
        self._client.restore_run(self.run_id)


def experiment_id(client: MlflowClient, name: str) -> str:
    """Return the id of an experiment, which is created if need be."""
    found = client.get_experiment_by_name(name)
    return found.experiment_id if found else str(client.create_experiment(name))


def upload(
    client: MlflowClient, recording: Recording, *, experiment: str = "", shift: int = 0
) -> str:
    """Put a recorded run back and return its new id; `shift` (ms) moves all its times."""
    trainer = Trainer.begin(
        client,
        at=recording["start_time"] + shift,
        name=recording["run_name"],
        experiment=experiment or recording["experiment_name"],
        tags=recording["tags"],
    )
    trainer.params(recording["params"])
    trainer.points(
        sorted(recorded_points(recording, shift), key=lambda point: (point[2], point[1]))
    )
    if recording["status"] != "RUNNING":
        trainer.end(recording["end_time"] + shift, recording["status"])
    return trainer.run_id


def recorded_points(recording: Recording, shift: int = 0) -> list[tuple[str, int, int, float]]:
    """Return the points of a recording as (metric, step, time in ms, value)."""
    metrics: dict[str, list[list[Any]]] = recording["metrics"]
    return [
        (key, step, at + shift, float(value))
        for key, points in metrics.items()
        for step, at, value in points
    ]
