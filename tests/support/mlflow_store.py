"""Where the stories of the tests are logged: a tracking store, and an experiment of one test."""

from __future__ import annotations

from dataclasses import replace
from glob import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy

from exporter.sources.mlflow import MlflowSettings
from tests.support.mlflow_runs import Trainer, experiment_id
from tests.support.mlflow_watcher import Watcher

if TYPE_CHECKING:
    from mlflow import MlflowClient

START = 1_800_000_000
"""The time (Unix seconds) at which the stories of the tests begin."""


class Store(NamedTuple):
    """A tracking store, an experiment of one test in it, and a client that logs into it.

    `backend` is the database behind a server.
    """

    uri: str
    experiment: str
    client: MlflowClient
    backend: str = ""

    def begin(
        self, *, at: int = START * 1000, name: str = "", tags: dict[str, str] | None = None
    ) -> Trainer:
        """Begin a run."""
        return Trainer.begin(self.client, at=at, name=name, experiment=self.experiment, tags=tags)

    def move(self, run_id: str, experiment: str) -> None:
        """Put a run into another experiment, which people do in the database."""
        home = experiment_id(self.client, experiment)
        engine = sqlalchemy.create_engine(self.backend or self.uri)
        statement = "UPDATE runs SET experiment_id = :home WHERE run_uuid = :run_id"
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text(statement), {"home": int(home), "run_id": run_id})
        engine.dispose()

    def watch(self, **settings: Any) -> Watcher:  # noqa: ANN401 - fields of MlflowSettings
        """Return a watcher of the test's experiment."""
        return Watcher(self.settings(**settings))

    def settings(self, **settings: Any) -> MlflowSettings:  # noqa: ANN401 - as above
        """Return settings that see only the test's experiment."""
        ours = MlflowSettings(
            tracking_uri=self.uri,
            experiments=(escape(self.experiment),),
            history_budget=1e9,  # how fast the machine is must not matter
        )
        return replace(ours, **settings)
