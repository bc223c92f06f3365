"""The corpus of labelled real runs: which rule says what of each, and how late."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alerts.model import MetricPoint, RunFacts, Transition
from alerts.replay import Recording, replay
from alerts.thresholds import USER_THRESHOLDS, AlertSettings, LimitBook

FOLDER = Path(__file__).with_name("corpus")
BOOK = LimitBook(AlertSettings(thresholds=USER_THRESHOLDS))
RISES = frozenset({"loss_increase", "unstable", "nonfinite", "gradient_exploding"})
FINDS = {
    "overfit": frozenset({"overfitting", "overfit_onset", "eval_loss_rising", "eval_loss_gap"}),
    "diverge": RISES,
    "diverge_recovered": RISES,
    "explode": RISES,
    "nan": frozenset({"nonfinite"}),
    "spike": frozenset({"loss_spike"}),
    "underfit": frozenset({"underfit"}),
    "plateau": frozenset({"plateau", "early_stop", "epoch_loss_stall", "fast_fall_plateau"}),
}
"""The rules of which one has to fire, by class of a run."""
INFORMATIVE = frozenset({"spike", "plateau"})
"""Classes for which information is enough."""
SILENCE = "run_stalled"


@dataclass(frozen=True)
class Judged:
    """One run of the corpus with its label, and what fired."""

    name: str
    kind: str
    recipe: str
    fault_step: int | None
    recording: Recording
    fired: Sequence[Transition]

    @property
    def warnings(self) -> list[Transition]:
        """What fired at warning or above, but for the silence of a run that was resumed later."""
        return [t for t in self.fired if t.severity.rank > 0 and t.key.rule != SILENCE]

    @property
    def found(self) -> Transition | None:
        """The first alert that names what is wrong with the run, at or after its fault."""
        rules, least = FINDS.get(self.kind, frozenset()), int(self.kind not in INFORMATIVE)
        named = [t for t in self.fired if t.key.rule in rules and t.severity.rank >= least]
        start = self.fault_step or 0
        return next((t for t in named if t.step is not None and t.step >= start), None)

    @property
    def delay(self) -> int | None:
        """Training points from the fault to the alert that names it, both counted."""
        if self.fault_step is None or self.found is None or self.found.step is None:
            return None
        within = range(self.fault_step, self.found.step + 1)
        steps = {p.step for p in self.recording.points if p.metric == "loss" and p.step in within}
        return max(1, len(steps))


def runs(limit: int | None = None) -> list[tuple[str, dict[str, Any]]]:
    """Return the runs of the corpus by name, as they are written; the first `limit` of them."""
    with gzip.open(FOLDER / "runs.json.gz", "rt", encoding="utf-8") as file:
        found = [(run["run_name"], run) for run in json.load(file)]
    return found[:limit]


def labels() -> dict[str, dict[str, Any]]:
    """Return the label of each run by its name."""
    found: dict[str, dict[str, Any]] = json.loads((FOLDER / "labels.json").read_text("utf-8"))
    return found


def judge(document: dict[str, Any], label: dict[str, Any]) -> Judged:
    """Replay one run under the user's thresholds."""
    recording = _recording(document)
    fired = [t for t in replay(recording, BOOK) if t.state == "firing"]
    return Judged(
        recording.facts.name,
        label["class"],
        label["recipe"],
        label["fault_step"],
        recording,
        tuple(fired),
    )


def _recording(document: dict[str, Any]) -> Recording:
    points = tuple(
        MetricPoint(metric, step, time / 1000, float(value))
        for metric, logged in document["metrics"].items()
        for step, time, value in logged
    )
    facts = RunFacts(
        run_id=document["run_id"],
        name=document["run_name"],
        experiment=document["experiment_name"],
        status=document["status"],
        started_at=document["start_time"] / 1000,
        ended_at=document["end_time"] / 1000 if document["end_time"] else None,
        params=document["params"],
        has_params=True,
    )
    return Recording(facts, points)
