"""Runs as a daemon meets them: polled tick by tick, from a recording or from what a test logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from alerts.model import MetricPoint, RunFacts, RunStatus, RunUpdate
from alerts.replay import Recording, read_recording
from tests.support.recordings import FOLDERS

PARAMS = {"transformers_version": "5.23.0"}


@dataclass
class Life:
    """A run from its start to its end, in seconds of the tests' clock."""

    facts: RunFacts
    points: list[MetricPoint] = field(default_factory=list)
    ends_at: float | None = None

    @classmethod
    def of(cls, name: str, **params: str) -> Life:
        """Return a run of the Trainer that has not logged anything yet."""
        facts = RunFacts(name, f"the {name} one", "support-bot", "RUNNING", 0.0)
        return cls(replace(facts, params={**PARAMS, **params}, has_params=True))

    @classmethod
    def recorded(cls, name: str) -> Life:
        """Return a recorded run, moved so that it begins with the clock."""
        (path,) = (f / f"{name}.json" for f in FOLDERS if (f / f"{name}.json").is_file())
        return cls._from_zero(read_recording(path))

    @classmethod
    def _from_zero(cls, recording: Recording) -> Life:
        facts, start = recording.facts, recording.facts.started_at
        ended = None if facts.ended_at is None or facts.running else facts.ended_at - start
        points = [point._replace(time=point.time - start) for point in recording.points]
        return cls(replace(facts, started_at=0.0, ended_at=ended), points, ended)

    def log(self, at: float, step: int, values: Mapping[str, float] = {}, **named: float) -> Life:
        """Log values together; names that are no Python names go into `values`."""
        for metric, value in {**values, **named}.items():
            self.points.append(MetricPoint(metric, step, at, value))
        return self

    def end(self, at: float, status: RunStatus = "FINISHED") -> Life:
        """End the run."""
        self.facts = replace(self.facts, status=status)
        self.ends_at = at
        return self

    def news(self, since: float, now: float) -> RunUpdate:
        """Return what a poll finds that follows the one at `since`."""
        fresh = tuple(point for point in self.points if since < point.time <= now)
        if self.ends_at is not None and self.ends_at <= now:
            return RunUpdate(
                replace(self.facts, ended_at=self.ends_at), fresh, now, moved=bool(fresh)
            )
        alive = replace(self.facts, status="RUNNING", ended_at=None)
        return RunUpdate(alive, fresh, now, moved=bool(fresh))


def polled(lives: Iterable[Life], since: float, now: float) -> tuple[RunUpdate, ...]:
    """Return the news of all runs between two polls."""
    return tuple(life.news(since, now) for life in lives)
