"""An engine on a real state file with one channel that remembers, under a clock that tests turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from alerts.engine import Engine
from alerts.model import (
    GpuObservation,
    Inventory,
    MetricPoint,
    NodeObservation,
    Observations,
    RunFacts,
    RunUpdate,
    SourceObservation,
    Transition,
)
from alerts.notify import Message
from alerts.outbox import Outbox
from alerts.outbox.sender import Sender
from alerts.store import Document, FileStore
from alerts.thresholds import USER_THRESHOLDS, AlertSettings
from tests.support.deliveries import AT_ONCE
from tests.support.notices import NOW, Told

NAN = float("nan")
SETTINGS = AlertSettings(thresholds=USER_THRESHOLDS)
MLFLOW_UP = SourceObservation("mlflow", "", up=True, expected=True)
MLFLOW_DOWN = replace(MLFLOW_UP, up=False, reason="connection refused")


def run_facts(run_id: str = "run-1", **changes: Any) -> RunFacts:  # noqa: ANN401 - any field
    """Return a running run that began when the tests' clock does."""
    facts = RunFacts(run_id, f"name of {run_id}", "support-bot", "RUNNING", NOW, params={"a": "1"})
    return replace(facts, **changes)


def losses(
    *values: float, step: int = 1, at: float = NOW, every: float = 60.0, metric: str = "loss"
) -> tuple[MetricPoint, ...]:
    """Return points of one metric from a step and a time on, one step and `every` seconds apart."""
    return tuple(
        MetricPoint(metric, step + index, at + index * every, value)
        for index, value in enumerate(values)
    )


def news(
    points: Sequence[MetricPoint] = (),
    facts: RunFacts | None = None,
    **changes: Any,  # noqa: ANN401 - any field
) -> RunUpdate:
    """Return an update seen when its last point was logged, or at the start without one."""
    seen_at = max((point.time for point in points), default=NOW)
    return replace(RunUpdate(facts or run_facts(), tuple(points), seen_at), **changes)


def memory(pct: float, at: float, uuid: str = "GPU-1") -> GpuObservation:
    """Return a GPU whose memory is so full."""
    return GpuObservation(uuid, 0, "node-1", round(pct * 10**9), 100 * 10**9, at)


class Failing(FileStore):
    """A file that cannot be written while there is a `problem`; counts the attempts."""

    problem: BaseException | None = None
    saves = 0

    def save(self, document: Document) -> None:
        """Save, or raise the problem."""
        self.saves += 1
        if self.problem is not None:
            raise self.problem
        super().save(document)


class Station:
    """Everything between the source and the channel, as one process has it.

    `restart` is a crash: what was not stored is lost, as with `kill -9`.
    """

    def __init__(
        self,
        path: Path,
        settings: AlertSettings = SETTINGS,
        now: float = NOW,
    ) -> None:
        self.path = path
        self.settings = settings
        self.now = now
        self.chat = Told()
        self._start()

    def _start(self) -> None:
        self.store = Failing(self.path, clock=lambda: self.now)
        self.outbox = Outbox([self.chat], jitter=lambda: 1.0, pace=AT_ONCE)
        self.engine = Engine(self.settings, self.store, self.outbox)
        self.engine.restore(self.now)
        self._sender = Sender(self.chat, self.outbox, self.engine.notice_for)

    def tick(
        self,
        *updates: RunUpdate,
        after: float = 0.0,
        sources: Sequence[SourceObservation] = (MLFLOW_UP,),
        gpus: tuple[GpuObservation, ...] | None = None,
        inventories: tuple[Inventory, ...] = (),
        nodes: tuple[NodeObservation, ...] | None = None,
    ) -> list[Transition]:
        """Let `after` seconds pass, then judge once."""
        self.now += after
        seen = Observations(updates, gpus, tuple(sources), inventories, nodes)
        return self.engine.tick(seen, self.now)

    def wait(self, seconds: float, every: float = 30.0, **seen: Any) -> list[Transition]:  # noqa: ANN401 - as tick
        """Tick every so often until the time has passed; return what changed."""
        end, changed = self.now + seconds, []
        while self.now < end:
            changed += self.tick(after=min(every, end - self.now), **seen)
        return changed

    def deliver(self) -> list[Message]:
        """Send what is due; return what the channel was given."""
        before = len(self.chat.messages)
        while self._sender.tick(self.now) == 0.0:
            pass
        return self.chat.messages[before:]

    def restart(self, settings: AlertSettings | None = None) -> None:
        """Die and come back at the same instant, with the same file."""
        self.settings = settings or self.settings
        self.store.close()
        self._start()


def told(transitions: Sequence[Transition]) -> list[tuple[str, str, str | None]]:
    """Return rule, state and reason of each."""
    return [(t.key.rule, t.state, t.reason) for t in transitions]


def said(messages: Sequence[Message]) -> list[str]:
    """Return what each message is about by its kind and by the line that identifies it."""
    return [f"{message.kind}: {message.text.splitlines()[-1]}" for message in messages]
