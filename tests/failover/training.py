"""Two runs whose alerts come and go, and the settings under which they do."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from alerts.engine import Engine
from alerts.model import MetricPoint, Observations, RunFacts, RunUpdate
from alerts.outbox import Outbox
from alerts.rules import RULES
from alerts.store import MemoryStore
from exporter.config import Config
from tests.support.cluster import Inbox
from tests.support.mlflow_runs import Trainer
from tests.support.storm import News

STEP_SECONDS = 1.0
MOST_UNTOLD = 15
"""Steps after the last message: a message has room for so many alerts only."""
LIVELY = ("nonfinite", "eval_loss_rising", "gpu_memory_high")
SCRIPTS = {
    "broken": ("loss", [float("nan"), *[1.0] * 21]),
    "rising": ("eval_loss", [1.0, 1.1, 1.2, 1.3, 1.4, 0.5]),
}
"""What each run logs over and over: alerts that fire and resolve."""
CALM = {"broken": [1.0] * 25, "rising": [0.5, 0.5]}
"""What ends every alert."""


class Pace(NamedTuple):
    """How long a Lease lasts and how often the tracking server is asked, in seconds."""

    lease: float
    poll: float


def configuration(pace: Pace) -> dict[str, object]:
    """Return settings under which three rules speak up, and all that they say is critical."""
    lively = {"keep_firing_for": "0s", "severity": "critical"}
    rules: dict[str, dict[str, object]] = {
        name: dict(lively) if name in LIVELY else {"enabled": False} for name in RULES
    }
    # Pending when the first holder is killed: the time that it has waited must not be lost.
    rules["gpu_memory_high"]["for"] = "15s"
    poll = f"{pace.poll:g}s"
    return {
        "thresholds": {"max_val_loss_increase": 3, "max_gpu_memory_pct": 0},
        "rules": rules,
        "mlflow": {"interval": poll, "discovery_interval": poll},
        "nvml": {"interval": "1s"},
        "notify": {"console": False, "channels": [{"name": "ops", "url_env": "OPS_URL"}]},
    }


class Training:
    """Two runs that log one point after another, until they are told to calm down."""

    def __init__(self, uri: str, posts: Inbox) -> None:
        from mlflow import MlflowClient  # noqa: PLC0415 - seconds

        self.points: dict[str, list[MetricPoint]] = {name: [] for name in SCRIPTS}
        now = int(time.time() * 1000)
        self._trainers = {
            name: Trainer.begin(MlflowClient(uri), at=now, name=name) for name in SCRIPTS
        }
        self._posts = posts
        self._over = threading.Event()
        for trainer in self._trainers.values():
            trainer.params({"learning_rate": "0.0001"})
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def names(self) -> dict[str, str]:
        """Return what the runs are called, by id."""
        return {trainer.run_id: name for name, trainer in self._trainers.items()}

    def calm_down(self) -> None:
        """End every alert, and log nothing more."""
        self._over.set()
        self._thread.join()
        for name, values in CALM.items():
            for value in values:
                self._log(name, value)

    def expected(self, pace: Pace) -> set[News]:
        """Return what happens to an engine that nothing befalls."""
        settings = Config.model_validate(configuration(pace))
        engine = Engine(settings, MemoryStore(), Outbox(()))
        engine.restore(0.0)
        happened = set()
        for name, points in self.points.items():
            facts = RunFacts(name, name, "tests", "RUNNING", points[0].time, has_params=True)
            for point in points:
                both = (point._replace(metric="loss", value=1.0), point)
                logged = both if point.metric != "loss" else (point,)
                update = RunUpdate(facts, logged, point.time)
                for told in engine.tick(Observations(runs=(update,)), point.time):
                    what = "fired" if told.state == "firing" else "resolved"
                    happened.add(News(told.key.rule, name, told.episode, what))
        return happened

    def _run(self) -> None:
        number = heard = heard_at = 0
        while not self._over.wait(STEP_SECONDS):
            if heard != (heard := len(self._posts.told)):
                heard_at = number
            if number - heard_at >= MOST_UNTOLD:
                continue
            for name, (_, values) in SCRIPTS.items():
                self._log(name, values[number % len(values)])
            number += 1

    def _log(self, name: str, value: float) -> None:
        metric, points = SCRIPTS[name][0], self.points[name]
        point = MetricPoint(metric, len(points) + 1, time.time(), value)
        # A run that only evaluates is taken for what an evaluation left behind.
        values = {"loss": 1.0, metric: value}
        self._trainers[name].log(point.step, int(point.time * 1000), **values)
        points.append(point)
