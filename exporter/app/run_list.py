"""Runs as a tracking store has them now, judged by the configured thresholds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from alerts.history import Roles
from alerts.judge import Watch
from alerts.model import AlertKey, Extremum, Transition
from alerts.notify.numbers import perplexity
from alerts.replay import Recording, relive, watch_of
from alerts.thresholds import LimitBook
from alerts.view import run_context
from exporter.app.runs import mlflow_settings, rule_inputs
from exporter.config import Config
from exporter.snapshot import Run
from exporter.sources.mlflow.listing import Listed, Listing


@dataclass(frozen=True, slots=True)
class Choice:
    """Which runs to list: of the experiments, that run or ended since (Unix seconds).

    With `best`, so many of those that evaluated best; else `limit` of them, the newest first.
    Judging takes most of the time: up to a second for a thousand steps.
    """

    experiments: tuple[str, ...]
    since: float
    limit: int
    best: int | None = None
    judged: bool = True


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in the list; what is not known is None, durations are seconds.

    `alerts` are those that fire, or did when the run ended.
    """

    shown: Run
    step: int | None
    epoch: float | None
    loss: float | None
    eval_loss: float | None
    best: Extremum | None
    learning_rate: float | None
    age: float | None
    duration: float
    alerts: tuple[Transition, ...]

    @property
    def perplexity(self) -> float | None:
        """The perplexity of the newest evaluation."""
        return None if self.eval_loss is None else perplexity(self.eval_loss)


def list_runs(config: Config, choice: Choice, now: float) -> tuple[list[RunRow], int]:
    """Return the rows of the chosen runs, and how many runs were left out by the limit.

    Raises exporter.sources.SourceDown when the store cannot be read.
    """
    section = config.mlflow.model_copy(
        update={"experiments": choice.experiments, "exclude_experiments": ()}
        if choice.experiments
        else {}
    )
    config = config.model_copy(update={"mlflow": section})
    listing = Listing(mlflow_settings(config), rule_inputs(config))
    found = sorted(listing.runs(choice.since), key=_newest_first)
    if choice.best is None:
        chosen = found[: choice.limit]
    else:
        chosen = _best(listing, found, Roles(config.rules.metrics))[: choice.best]
    points = listing.points(chosen)
    book = LimitBook(config)
    rows = []
    for run in chosen:
        recording = Recording(run.facts, points[run.facts.run_id])
        watch = watch_of(recording, book)
        alerts = _judge(recording, watch, now) if choice.judged else _absorb(recording, watch)
        rows.append(_row(run.shown, watch, alerts, now))
    return rows, len(found) - len(chosen) if choice.best is None else 0


def _newest_first(run: Listed) -> tuple[bool, float]:
    shown = run.shown
    return not run.facts.running, -(shown.ended_at or shown.started_at)


def _best(listing: Listing, runs: Sequence[Listed], roles: Roles) -> list[Listed]:
    """Return the runs that were evaluated, the lowest loss first."""
    evaluations = {key for run in runs for key in run.metrics if roles.eval_set(key) is not None}
    points = listing.points(runs, evaluations)
    lowest = {
        run_id: min((p.value for p in found if math.isfinite(p.value)), default=math.inf)
        for run_id, found in points.items()
    }
    evaluated = [run for run in runs if lowest[run.facts.run_id] < math.inf]
    return sorted(evaluated, key=lambda run: lowest[run.facts.run_id])


def _judge(recording: Recording, watch: Watch, now: float) -> tuple[Transition, ...]:
    last = max((point.time for point in recording.points), default=recording.facts.started_at)
    return tuple(_standing(relive(recording, watch, max(0.0, now - last))))


def _absorb(recording: Recording, watch: Watch) -> tuple[Transition, ...]:
    for _ in watch.history.absorb(recording.points, lambda: math.inf):
        pass
    return ()


def _row(shown: Run, watch: Watch, alerts: tuple[Transition, ...], now: float) -> RunRow:
    seen = run_context(watch, "")
    return RunRow(
        shown=shown,
        step=_step(watch, shown),
        epoch=seen.epoch,
        loss=seen.loss,
        eval_loss=seen.eval_loss,
        best=seen.best_eval,
        learning_rate=seen.learning_rate,
        age=None if shown.last_log_at is None else max(0.0, now - shown.last_log_at),
        duration=max(0.0, (shown.ended_at or now) - shown.started_at),
        alerts=alerts,
    )


def _step(watch: Watch, shown: Run) -> int | None:
    judged = watch.history.step
    return max((latest.step for latest in shown.latest), default=None) if judged is None else judged


def _standing(transitions: Iterable[Transition]) -> Iterator[Transition]:
    """Yield what fires at the end, the most urgent first; an end of the run ends nothing here."""
    standing: dict[AlertKey, Transition] = {}
    for transition in transitions:
        if transition.state == "firing":
            standing[transition.key] = transition
        elif transition.reason != "run_ended":
            standing.pop(transition.key, None)
    yield from sorted(standing.values(), key=lambda found: (-found.severity.rank, found.at))
