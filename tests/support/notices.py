"""Transitions and notices as tests of telling need them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from alerts.model import (
    AlertKey,
    Extremum,
    RunContext,
    RunFacts,
    Severity,
    Subject,
    Transition,
)
from alerts.notify import Delivery, Kind, Match, Message, Notice, Result
from alerts.notify.channel import EVERYTHING

NOW = 1_700_000_000.0
RUN_ID = "0f3c9a7be1d24c55a1b2c3d4e5f60718"
KEY = AlertKey("eval_loss_rising", Subject("run", RUN_ID))


def transition(**changes: Any) -> Transition:  # noqa: ANN401 - any field of Transition
    """Return a firing of `eval_loss_rising`, episode 1, with `changes`."""
    firing = Transition(
        key=KEY,
        state="firing",
        severity=Severity.WARNING,
        episode=1,
        at=NOW,
        value=3.0,
        threshold=3.0,
        summary="Validation loss rose 3 times in a row, by 0.1 in total.",
        action="Stop the run and use the checkpoint of the best evaluation.",
        step=144,
        epoch=6.0,
    )
    return replace(firing, **changes)


def resolution(**changes: Any) -> Transition:  # noqa: ANN401 - any field of Transition
    """Return the recovery of that firing."""
    fields = {"state": "resolved", "reason": "recovered", "value": 0.0, **changes}
    return transition(**fields)


def run_context(**changes: Any) -> RunContext:  # noqa: ANN401 - any field of RunContext
    """Return a run that overfits."""
    facts = RunFacts(
        RUN_ID,
        "overfit-3",
        "support-bot",
        "RUNNING",
        NOW - 3600,
        url=f"http://mlflow.example:5000/#/experiments/1/runs/{RUN_ID}",
    )
    context = RunContext(
        facts=facts,
        step=168,
        epoch=7.0,
        train_tail=tuple(0.1 + 2.3 * math.exp(-index / 20) for index in range(60)),
        eval_tail=(1.2, 1.0, 0.9, 0.95, 1.0, 1.1),
        loss=0.22,
        eval_loss=1.1,
        learning_rate=2e-5,
        grad_norm=1.234,
        best_eval=Extremum(72, 0.9),
        checkpoint="checkpoint-72, kept by load_best_model_at_end",
    )
    return replace(context, **changes)


def notice(kind: Kind = Kind.FIRING, **changes: Any) -> Notice:  # noqa: ANN401 - as transition
    """Return a notice of that run."""
    return Notice(kind, transition(**changes), run_context())


@dataclass
class Told:
    """A channel that answers as it is told and remembers what it was given."""

    name: str = "chat"
    min_severity: Severity = Severity.INFO
    answers: list[Delivery] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    match: Match = EVERYTHING

    def prepare(self) -> None:
        """Be ready at once."""

    def send(self, message: Message) -> Delivery:
        """Remember the message; give the next answer, the last one for ever."""
        self.messages.append(message)
        if len(self.answers) > 1:
            return self.answers.pop(0)
        return self.answers[0] if self.answers else Delivery(Result.DELIVERED)
