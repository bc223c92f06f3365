"""What a rule is, apart from how it judges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from alerts.model import Severity

KEEP_FIRING_FOR = 300.0
"""Seconds for which an alert fires on after its condition went, unless a rule says otherwise."""

Unit = Literal["", "%", "s", "h", "flag"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `hold_for` and `keep_firing_for` are seconds, an event is told once and is over.

    `threshold` names the user's number without which the rule is off; empty for rules that need
    none. `resolves` ends the sentence "Resolves when ...". `unit` is that of the compared number;
    a *flag* is no number to people. What fires on is told again after `repeat_every` seconds, or
    whenever the number has grown by `repeat_growth`, or both; None leaves it to the severity.
    `severities` are those that its breaches may have, in rising order.
    """

    name: str
    action: str
    about: Literal["run", "gpu", "source", "node"]
    threshold: str = ""
    hold_for: float = 0.0
    keep_firing_for: float = KEEP_FIRING_FOR
    event: bool = False
    resolves: str = ""
    unit: Unit = ""
    repeat_every: float | None = None
    repeat_growth: float | None = None
    severities: tuple[Severity, ...] = tuple(Severity)
