"""What "latest" hides is looked for before a run counts as stalled."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest

from alerts.engine import Engine
from alerts.model import Observations, RunUpdate, SourceObservation
from alerts.outbox import Outbox
from alerts.store import MemoryStore
from exporter.config import DEFAULT_CONFIG
from exporter.feed import Feed
from exporter.sources.mlflow import MlflowSource, RuleInputs
from exporter.sources.mlflow.tracker import FIRST_AUDIT, Audit
from tests.support.mlflow_runs import Trainer
from tests.support.mlflow_store import START, Store
from tests.support.mlflow_watcher import Watcher

UP = SourceObservation("mlflow", "", up=True, expected=True)
DOWN = SourceObservation("mlflow", "", up=False, expected=True)
STALL = 600.0


class Guard:
    """A source and an engine behind it, under a clock that tests turn."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._engine = Engine(DEFAULT_CONFIG, MemoryStore(), Outbox(()))
        self._engine.restore(START)
        self.fired: list[str] = []

    def poll(self, now: float) -> None:
        """Collect and judge."""
        self._tick(tuple(self._watcher.poll(now)), UP, now)

    def wait(self, start: float, end: float, source: SourceObservation) -> None:
        """Let the engine alone look at the clock."""
        for now in range(round(start), round(end), 60):
            self._tick((), source, now)

    def _tick(self, news: tuple[RunUpdate, ...], source: SourceObservation, now: float) -> None:
        told = self._engine.tick(Observations(news, None, (source,)), now)
        self.fired += [t.key.rule for t in told if t.state == "firing"]


def train(run: Trainer, steps: Iterable[int], at: float, every: float = 10.0) -> None:
    """Log a record at each step, `every` seconds apart from a time on."""
    run.points(
        [
            (key, step, round((at + number * every) * 1000), value)
            for number, step in enumerate(steps)
            for key, value in (("loss", 1.0), ("learning_rate", 1e-4))
        ]
    )


def test_a_run_resumed_far_below_its_end_never_counts_as_stalled(store: Store) -> None:
    check(store, outage=0.0)


def test_nor_does_it_after_an_outage(local: Store) -> None:
    check(local, outage=3_600.0)


def check(store: Store, outage: float) -> None:
    """Train, be cut off from the server for some seconds, resume from a checkpoint, and hang."""
    run, guard = store.begin(), Guard(store.watch())
    train(run, range(0, 3_000, 10), START)
    now = START + 3_000.0
    guard.poll(now)
    if outage:
        guard.wait(now + 60, now + outage, DOWN)
        # We were cut off from the server, the trainer was not.
        train(run, range(3_000, 3_000 + round(outage), 10), now)
        guard.poll(now + outage)
        now += outage
    for minute in range(20):
        train(run, range(500 + 60 * minute, 560 + 60 * minute, 10), now)
        now += 60
        guard.poll(now)
    assert "run_stalled" not in guard.fired
    guard.poll(now + 60)
    guard.wait(now + 120, now + 12_000, UP)
    assert "run_stalled" in guard.fired, "and then it really is silent"


@pytest.mark.parametrize("pause", [1.0, 15.0, 60.0, 300.0, 3_600.0])
def test_a_silent_run_is_audited_before_it_counts_as_stalled(pause: float) -> None:
    audit = Audit(news_at=0.0, next_at=0.0)
    now = 0.0
    for _ in range(12):
        now += pause
        audit.news(now)
    assert FIRST_AUDIT <= audit.next_at - now < max(STALL, 10 * pause)


@pytest.mark.parametrize("patience", [60.0, 300.0])
def test_who_calls_a_run_stalled_soon_has_it_audited_sooner(local: Store, patience: float) -> None:
    run = local.begin()
    inputs = RuleInputs({"loss"}.__contains__, patience=patience)
    source = MlflowSource(local.settings(), Feed(), inputs)
    for later in (0, 15, 30):
        train(run, range(later, later + 15), START + later, every=1.0)
        source.collect(START + later + 14)
    found = source._following.tracker(run.run_id)
    assert found
    assert found.audit.next_at - (START + 44) <= patience / 2


def test_one_long_pause_puts_no_audit_off_for_long() -> None:
    audit = Audit(news_at=0.0, next_at=0.0)
    for now in (15.0, 30.0, 45.0, 86_400.0):
        audit.news(now)
    assert audit.next_at - 86_400.0 < STALL


def test_audits_of_a_run_that_stays_silent_grow_rare() -> None:
    audit = Audit(news_at=0.0, next_at=0.0)
    audit.news(15.0)
    looks = []
    for _ in range(8):
        looks.append(audit.next_at)
        audit.done(audit.next_at)
    gaps = [after - before for before, after in pairwise(looks)]
    assert gaps == [60, 120, 240, 480, 960, 1_800, 1_800]
