"""Synthetic runs: what a trainer logs, instant by instant, and a watch that judges it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from alerts.history import Roles, RunHistory
from alerts.history.minima import LADDER
from alerts.history.records import Record, in_order
from alerts.history.run import GRAD_LADDER
from alerts.judge import Watch
from alerts.model import MetricPoint, RunFacts, RunUpdate, Transition, Verdict
from alerts.rules import RULES, RunJudge
from alerts.rules.moment import Moment
from alerts.thresholds import (
    USER_THRESHOLDS,
    AlertSettings,
    LimitBook,
    Limits,
    MetricNames,
    Rules,
    Thresholds,
)

START = 1_700_000_000.0
"""Unix seconds at which the runs of the tests begin."""
INTERVAL = 10.0
TRAINER = {"transformers_version": "5.23.0"}
STALL_LIMIT = 600.0
EVERYTHING = AlertSettings(thresholds=USER_THRESHOLDS)
CORE = frozenset(
    {
        "nonfinite",
        "loss_increase",
        "epoch_loss_stall",
        "eval_loss_gap",
        "eval_loss_rising",
        "run_failed",
        "run_incomplete",
        "run_stalled",
        "training_time_exceeded",
        "source_down",
        "node_silent",
        *(rule.name for rule in RULES.values() if rule.about == "gpu"),
        "gpu_lost",
    }
)
"""Rules on one number or on the life of a run; what curves say together is judged elsewhere."""
NAN = float("nan")
INF = float("inf")


class Trace:
    """Points as a trainer logs them: each call is one record, `interval` seconds after the last."""

    def __init__(self, interval: float = INTERVAL, start: float = START) -> None:
        self.interval = interval
        self.clock = start
        self.points: list[MetricPoint] = []

    def log(self, step: int, values: Mapping[str, float] = {}, **named: float) -> Trace:
        """Log values together; names that are no Python names go into `values`."""
        self.clock += self.interval
        for metric, value in {**values, **named}.items():
            self.points.append(MetricPoint(metric, step, self.clock, value))
        return self

    def train(self, losses: Iterable[float], first: int = 1, every: int = 1) -> Trace:
        """Log one training loss each `every` steps."""
        for index, loss in enumerate(losses):
            self.log(first + index * every, loss=loss)
        return self

    def wait(self, seconds: float) -> Trace:
        """Log nothing for so long."""
        self.clock += seconds
        return self

    def close(self, step: int) -> Trace:
        """Log the closing summary of the Transformers Trainer."""
        return self.log(step, train_runtime=1.0, train_loss=1.0)


def run_facts(**changes: Any) -> RunFacts:  # noqa: ANN401 - any field
    """Return a run of the Transformers Trainer that is RUNNING."""
    facts = RunFacts("run", "name", "experiment", "RUNNING", START, params=TRAINER)
    return replace(facts, **changes)


def settings(rules: Mapping[str, Any] | None = None, **thresholds: float | None) -> AlertSettings:
    """Return the user's thresholds but for those named, and rules as a file would tune them.

    Rules outside the core are off unless they are named.
    """
    numbers = {**USER_THRESHOLDS.model_dump(), **thresholds}
    tuned = {name: {"enabled": False} for name in RULES if name not in CORE} | dict(rules or {})
    return AlertSettings(
        thresholds=Thresholds.model_validate(numbers), rules=Rules.model_validate(tuned)
    )


def limits(rules: Mapping[str, Any] | None = None, **thresholds: float | None) -> Limits:
    """Return `settings` as the rules see them."""
    return LimitBook(settings(rules, **thresholds)).of_fleet()


def new_history(facts: RunFacts | None = None, steps_per_epoch: int | None = None) -> RunHistory:
    return RunHistory(facts or run_facts(), Roles(MetricNames()), steps_per_epoch)


def absorb(history: RunHistory, points: Iterable[MetricPoint]) -> list[Record]:
    """Let a history take in points at once; gaps count up to ten minutes."""
    return list(history.absorb(points, lambda: STALL_LIMIT))


def history_of(trace: Trace, facts: RunFacts | None = None) -> RunHistory:
    history = new_history(facts)
    absorb(history, trace.points)
    return history


def instants(points: Iterable[MetricPoint]) -> Iterator[tuple[MetricPoint, ...]]:
    """Yield together what has one timestamp, as a tracking server hands it out at the finest."""
    for _, together in groupby(in_order(points), key=lambda point: point.time):
        yield tuple(together)


def answers(
    judge: RunJudge,
    trace: Trace,
    under: Limits | None = None,
    facts: RunFacts | None = None,
) -> list[tuple[int, Verdict]]:
    """Return what one rule answers at each record, with the record's step."""
    under = under or limits()
    history = new_history(facts, under.rules.steps_per_epoch)
    return [
        (record.step, verdict)
        for record in history.absorb(trace.points, lambda: STALL_LIMIT)
        for verdict in judge(history, under, Moment(START, record))
    ]


def outcomes(answered: Iterable[tuple[int, Verdict]]) -> dict[int, str]:
    """Return the last outcome at each step."""
    return {step: verdict.outcome.value for step, verdict in answered}


def breaches(answered: Iterable[tuple[int, Verdict]]) -> list[int]:
    """Return the steps at which a rule says breach."""
    return [step for step, verdict in answered if verdict.outcome == "breach"]


class Daemon:
    """One watch under a clock that stands still unless a test turns it.

    No rule may raise: the watch would go on without it, and the test would be none the wiser.
    """

    def __init__(
        self, config: AlertSettings | None = None, facts: RunFacts | None = None, now: float = START
    ) -> None:
        self.book = LimitBook(config or settings())
        self.facts = facts or run_facts()
        self.now = now
        self.listening_since: float | None = now
        self.watch = Watch(self.facts, self.book)
        self.told: list[Transition] = []
        self.logged: list[MetricPoint] = []
        """What the tracking server holds: everything that was ever handed over."""

    @property
    def moment(self) -> Moment:
        return Moment(self.now, listening_since=self.listening_since)

    def feed(
        self,
        points: Iterable[MetricPoint] = (),
        *,
        moved: bool = True,
        **facts: Any,  # noqa: ANN401 - any field
    ) -> list[Transition]:
        """Hand over points in one update, with new facts where there are any.

        After a restart it repeats what the history is missing, as the source does.
        """
        self.facts = replace(self.facts, **facts)
        fresh = tuple(points)
        repeated = missing_of(self.watch.history, self.logged)
        self.logged += fresh
        update = RunUpdate(self.facts, repeated + fresh, self.now, moved=moved)
        return self._note(self.watch.update(update, self.moment))

    def follow(self, points: Iterable[MetricPoint]) -> list[Transition]:
        """Hand over points instant by instant, the clock turning with them."""
        told = []
        for together in instants(points):
            self.now = max(self.now, together[0].time)
            told += self.feed(together)
        return told

    def wait(self, seconds: float, every: float = 60.0) -> list[Transition]:
        """Let time pass, looking every so often."""
        told, end = [], self.now + seconds
        while self.now < end:
            self.now = min(self.now + every, end)
            told += self._note(self.watch.tick(self.moment))
        return told

    def end(self, status: str = "FINISHED", **facts: Any) -> list[Transition]:  # noqa: ANN401 - any field
        """End the run now."""
        return self.feed((), status=status, ended_at=self.now, **facts)

    def restart(self) -> None:
        """Continue from what the state document holds, as another process would."""
        document = json.loads(json.dumps(self.watch.to_document()))
        self.watch = Watch.from_document(document, self.facts, self.book)

    def _note(self, told: list[Transition]) -> list[Transition]:
        assert not self.watch._broken
        self.told += told
        return told


def missing_of(history: RunHistory, logged: Iterable[MetricPoint]) -> tuple[MetricPoint, ...]:
    """Return those of the logged points that a history is missing since a restart."""
    if not history.awaits_points:
        return ()
    found = history.bookmarks().items()
    windows = {metric: bookmark.window for metric, bookmark in found if bookmark.window}
    return tuple(
        point
        for point in in_order(logged)
        if point.metric in windows
        and windows[point.metric].first <= point.step <= windows[point.metric].last
    )


def remembered(history: RunHistory) -> str:
    """Return everything that a history holds, to the last digit (NaN compares by its name)."""
    levels = [(history.levels, LADDER[-1]), (history.grad_levels, GRAD_LADDER[-1])]
    series = [history.loss, history.grad_norm, history.epoch_series]
    series += [evals.losses for evals in history.evals.values()]
    return repr(
        (
            history.to_document(),
            [(one.points(), one.missing) for one in series],
            # Beyond twice the widest window the tail is trimmed when that is due.
            [(one.values[-2 * w :], one.steps[-2 * w :], one.missing) for one, w in levels],
            [minimum._window for one, _ in levels for minimum in one._minima.values()],
        )
    )


def shown(transitions: Sequence[Transition]) -> list[tuple[str, str, int | None]]:
    """Return rule, state and step of each transition."""
    return [(t.key.rule, t.state, t.step) for t in transitions]


def fired(transitions: Iterable[Transition], rule: str = "") -> list[int | None]:
    """Return the steps at which a rule, or any, began to fire."""
    news = (t for t in transitions if t.state == "firing")
    return [t.step for t in news if not rule or t.key.rule == rule]


def levels(
    *stretches: tuple[int, float], noise: Callable[[int], float] = lambda _: 0.0
) -> list[float]:
    """Return losses that stay at one level for so many points, then at the next."""
    flat = [level for count, level in stretches for _ in range(count)]
    return [level * (1 + noise(index)) for index, level in enumerate(flat)]
