"""After an outage everything is judged as if there had been none, and the messages say so."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from alerts.model import RunUpdate, Transition
from exporter.sources import SourceDown
from tests.support.engine import MLFLOW_DOWN, MLFLOW_UP, Station
from tests.support.mlflow_runs import Trainer
from tests.support.mlflow_server import MlflowServer
from tests.support.mlflow_store import START, Store
from tests.support.mlflow_watcher import Watcher

EVERY = 10
"""Seconds between two records of the trainer."""
POLLS = 120
BEFORE, AWAY = 48, 504
"""Records of two points that are logged before the server stops, and while it is away."""
LATE = "Seen late: this was logged"
ABOUT_OUTAGES = {"source_down", "run_stalled"}

pytestmark = pytest.mark.timeout(300)  # a server starts, which takes its time


class Daemon:
    """A source and the engine that judges what it reads, polled every other minute."""

    def __init__(self, watcher: Watcher, state: Path) -> None:
        self.watcher = watcher
        self.station = Station(state, now=START)
        self.told: list[Transition] = []
        self.sent: list[str] = []

    def poll(self) -> bool:
        """Let two minutes pass, read and judge; return whether the server answered."""
        station = self.station
        updates: list[RunUpdate] = []
        try:
            updates = self.watcher.poll(station.now + POLLS)
        except SourceDown:
            up = False
        else:
            up = True
        sources = (MLFLOW_UP if up else MLFLOW_DOWN,)
        self.told += station.tick(*updates, after=POLLS, sources=sources)
        return up

    def judged(self) -> list[Transition]:
        """Return what was told of runs."""
        return [news for news in self.told if news.key.rule not in ABOUT_OUTAGES]


class Fired(NamedTuple):
    """What must not depend on when a point was read."""

    rule: str
    at: float
    step: int | None
    value: str
    severity: str
    episode: int


def fired(told: list[Transition]) -> list[Fired]:
    return sorted(
        Fired(
            *(news.key.rule, news.at, news.step, repr(news.value)),
            *(news.severity.value, news.episode),
        )
        for news in told
        if news.state == "firing"
    )


def messages(daemon: Daemon, words: str = "") -> set[str]:
    """Return the rules of the messages with these words that people get."""
    sent = [message.text for message in daemon.station.deliver()] or daemon.sent
    daemon.sent = sent
    return {text.splitlines()[-1].split(" · ")[0] for text in sent if words in text}


@pytest.fixture
def stopped(server: MlflowServer) -> Iterator[MlflowServer]:
    """The shared server, which runs again when the test is over."""
    yield server
    if not server.running:
        server.start()
        server.wait()


def loss_of(record: int) -> float:
    """Return the loss of a run that learns, overfits and blows up."""
    if record > BEFORE + 400:
        return math.nan
    return 2.0 * math.exp(-record / 150) + 0.3


def log(run: Trainer, records: range) -> None:
    """Log records of loss and epoch, and an evaluation with each hundredth."""
    points: list[tuple[str, int, int, float]] = []
    for record in records:
        at = (START + record * EVERY) * 1000
        points += [("loss", record, at, loss_of(record)), ("epoch", record, at, record / 100)]
        if record % 40 == 0:
            points.append(("eval_loss", record, at, 1.0 + abs(record - 160) / 400))
    run.points(points)


def test_every_transition_is_the_same_as_without_the_outage(
    stopped: MlflowServer, remote: Store, tmp_path: Path
) -> None:
    from mlflow import MlflowClient  # noqa: PLC0415 - seconds

    # The door to the database stays open while the server is away.
    door = Store(stopped.backend, remote.experiment, MlflowClient(stopped.backend))
    run = remote.begin()
    same = Trainer(door.client, run.run_id)
    here = Daemon(door.watch(), tmp_path / "here.json")
    away = Daemon(remote.watch(), tmp_path / "away.json")
    per_poll = POLLS // EVERY
    for record in range(0, BEFORE, per_poll):
        log(same, range(record, record + per_poll))
        assert here.poll()
        assert away.poll()
    stopped.stop()
    for record in range(BEFORE, BEFORE + AWAY, per_poll):
        log(same, range(record, record + per_poll))
        assert here.poll()
        assert not away.poll()
    born = door.begin(at=START * 1000, name="born meanwhile")
    born.end((START + 60) * 1000, "FAILED")
    stopped.start()
    stopped.wait()
    for _ in range(12):
        assert here.poll()
        assert away.poll()
    assert here.watcher.points(run.run_id) == away.watcher.points(run.run_id)
    assert len(fired(away.judged())) > 4
    assert fired(away.judged()) == fired(here.judged())
    assert messages(away, LATE) == messages(away) - {"source_down", "run_stalled"}
    assert not messages(here, LATE)
