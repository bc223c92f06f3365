"""However runs, polls and restarts interleave: the same is told, and nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.engine import Engine
from alerts.model import MetricPoint, Observations, RunFacts, RunStatus, RunUpdate, Transition
from alerts.notify import Message
from alerts.outbox import Outbox
from alerts.outbox.sender import Sender
from alerts.store import MemoryStore
from alerts.thresholds import AlertSettings, Rules, StallTuning, Thresholds
from tests.support.engine import MLFLOW_UP, NAN, memory, run_facts
from tests.support.notices import NOW, Told

# The stall clock starts anew with the process, by design; all else must not notice.
SETTINGS = AlertSettings(
    thresholds=Thresholds(
        max_loss_increase_pct=20,
        max_val_loss_diff=0.1,
        max_val_loss_increase=2,
        max_gpu_memory_pct=95,
    ),
    rules=Rules(run_stalled=StallTuning(enabled=False)),
)
RUNS = ("run-0", "run-1")

values = st.sampled_from([0.5, 0.9, 1.0, 1.05, 1.3, 2.0, 4.0, 9.0, NAN, float("inf")])
logged = st.tuples(st.sampled_from(["loss", "loss", "eval_loss", "grad_norm"]), values)
calm = st.just([("loss", 1.0)] * 20)
events = st.one_of(
    st.tuples(st.just("log"), st.sampled_from(RUNS), st.lists(logged, min_size=1, max_size=12)),
    st.tuples(st.just("log"), st.sampled_from(RUNS), calm),
    st.tuples(st.just("end"), st.sampled_from(RUNS), st.sampled_from(["FINISHED", "FAILED"])),
    st.tuples(st.just("delete"), st.sampled_from(RUNS), st.none()),
    st.tuples(st.just("memory"), st.none(), st.sampled_from([50.0, 96.0, 99.0])),
    st.tuples(st.just("wait"), st.none(), st.sampled_from([1.0, 30.0, 121.0, 301.0, 1900.0])),
)
stories = st.lists(st.tuples(events, st.booleans()), max_size=25)
"""What happens, and whether the process restarts after it."""


@dataclass
class World:
    """What a tracking server and a driver would say: everything that was logged so far."""

    now: float = NOW
    pct: float = 50.0
    facts: dict[str, RunFacts] = field(default_factory=dict)
    points: dict[str, list[MetricPoint]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)

    def happen(self, kind: str, run: str | None, what: object) -> RunUpdate | None:
        """Let something happen; return what the source reads of it."""
        self.now += what if kind == "wait" and isinstance(what, float) else 1.0
        if kind == "memory" and isinstance(what, float):
            self.pct = what
        if run is None or run in self.deleted or (kind != "log" and run not in self.facts):
            return None
        facts = self.facts.setdefault(run, run_facts(run))
        if not facts.running:
            return None
        if kind == "delete":
            self.deleted.add(run)
            return RunUpdate(facts, (), self.now, deleted=True)
        if kind == "end":
            status: RunStatus = "FAILED" if what == "FAILED" else "FINISHED"
            self.facts[run] = replace(facts, status=status, ended_at=self.now)
            return RunUpdate(self.facts[run], (), self.now, moved=False)
        return RunUpdate(facts, self._log(run, what), self.now)

    def _log(self, run: str, what: object) -> tuple[MetricPoint, ...]:
        before = self.points.setdefault(run, [])
        fresh = [
            MetricPoint(metric, len(before) + index, self.now + index / 100, value)
            for index, (metric, value) in enumerate(what if isinstance(what, list) else [])
        ]
        before += fresh
        return tuple(fresh)

    def everything(self) -> list[RunUpdate]:
        """Return what a source reads that knows nothing: repeated points, and no old endings."""
        return [
            RunUpdate(f, tuple(self.points[r]), self.now, moved=False, deleted=r in self.deleted)
            for r, f in self.facts.items()
            if f.ended_at is None or f.ended_at > self.now - 900
        ]


class Process:
    """An engine that can die; `told` and `messages` are what people would know of it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.told: list[Transition] = []
        self.chat = Told()
        self.start(NOW)

    def start(self, now: float) -> None:
        self.outbox = Outbox([self.chat], jitter=lambda: 1.0)
        self.engine = Engine(SETTINGS, self.store, self.outbox)
        self.engine.restore(now)
        self.sender = Sender(self.chat, self.outbox, self.engine.notice_for)

    def live(self, world: World, updates: Sequence[RunUpdate]) -> None:
        gpus = (memory(world.pct, world.now),)
        seen = Observations(tuple(updates), gpus, (MLFLOW_UP,))
        self.told += self.engine.tick(seen, world.now)
        while self.sender.tick(world.now) == 0.0:
            pass

    def firing(self, now: float) -> set[object]:
        return {shown.alert.key for shown in self.engine.view(now).alerts}


def play(
    story: Sequence[tuple[tuple[str, str | None, object], bool]], *, flush: bool
) -> tuple[World, Process, Process]:
    """Let one process live through the story, and another die again and again."""
    world, steady, mortal = World(), Process(), Process()
    for event, dies in story:
        update = world.happen(*event)
        for process in (steady, mortal):
            process.live(world, [update] if update else [])
        if dies:
            if flush:
                mortal.engine.flush(world.now)
            mortal.start(world.now)
            mortal.live(world, world.everything())
            steady.live(world, [])
    return world, steady, mortal


def seen(transitions: Sequence[Transition]) -> list[str]:
    """Return what people see of transitions, comparable although NaN differs from itself."""
    return sorted(repr(t) for t in transitions)


def texts(messages: Sequence[Message]) -> Counter[str]:
    return Counter(f"{message.title}\n{message.text}" for message in messages)


@settings(max_examples=60, deadline=None)
@given(stories)
def test_an_orderly_restart_changes_nothing(
    story: Sequence[tuple[tuple[str, str | None, object], bool]],
) -> None:
    _, steady, mortal = play(story, flush=True)
    assert seen(mortal.told) == seen(steady.told)
    assert texts(mortal.chat.messages) == texts(steady.chat.messages)


@settings(max_examples=60, deadline=None)
@given(stories)
def test_a_crash_repeats_no_news_and_loses_none(
    story: Sequence[tuple[tuple[str, str | None, object], bool]],
) -> None:
    world, steady, mortal = play(story, flush=False)
    told = Counter((t.key, t.episode, t.state, t.severity) for t in mortal.told)
    assert not [news for news, count in told.items() if count > 1]
    for _ in range(3):
        world.now += 400
        for process in (steady, mortal):
            process.live(world, [])
    assert mortal.firing(world.now) == steady.firing(world.now)
    ever = {(t.key, t.state) for t in steady.told}
    assert ever == {(t.key, t.state) for t in mortal.told}
