"""How often people are told: grouping, repeats and the hourly limit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from alerts.model import Severity
from alerts.notify.notice import Kind
from alerts.outbox.row import Row
from alerts.rules import RULES

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How often people are told; `hourly` is a number of messages, all else seconds.

    What is not urgent waits `group_wait` for others of its group. What goes on firing is told again
    after `repeat` (critical: `repeat_critical`), then after twice that and so on up to
    `repeat_most`; 0 for never.
    """

    group_wait: float = 15.0
    repeat: float = 12 * HOUR
    repeat_critical: float = 4 * HOUR
    repeat_most: float = 24 * HOUR
    hourly: int = 20

    def wait(self, kind: Kind, severity: Severity) -> float:
        """Return how long news may wait for others of its group; worse news does not."""
        at_once = severity is Severity.CRITICAL or kind is Kind.ESCALATED
        return 0.0 if at_once else self.group_wait

    def repeat_after(self, row: Row) -> float:
        """Return the seconds between the last message of a row and its repeat; infinite: never."""
        if row.severity is Severity.INFO:
            return math.inf
        first = self.repeat_critical if row.urgent else self.repeat
        if first <= 0:
            return math.inf
        rule = RULES.get(row.key.rule)
        if rule is not None and rule.repeat_every is not None:
            return rule.repeat_every
        return min(first * 2.0 ** min(row.repeats, 16), max(first, self.repeat_most))


def growth_told(row: Row) -> float | None:
    """Return by how much the number must grow to be told again; None where time alone decides."""
    rule = RULES.get(row.key.rule)
    return rule.repeat_growth if rule is not None else None


def repeats_by_time(row: Row) -> bool:
    """Tell whether a rule that repeats as its number grows does so after some time as well."""
    rule = RULES.get(row.key.rule)
    return rule is not None and rule.repeat_every is not None
