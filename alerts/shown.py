"""What the metrics show of a rule: its answer, a breach for so long that every scrape sees it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from alerts.model import Outcome, Severity, Verdict
from alerts.rules import RULES
from alerts.signals import SIGNALS
from alerts.state import Alert

SHOWN_FOR = 60.0
"""Seconds for which a breach is shown, at its worst number, however soon it is over."""


class Peak(NamedTuple):
    """The worst number of a breach, and until when it is shown (Unix seconds)."""

    value: float | None
    until: float


class Shown(NamedTuple):
    """One rule's answer as it is shown; `excused` is a number beyond its limit without a breach."""

    outcome: Outcome
    value: float | None
    severity: Severity | None = None
    excused: bool = False


class Peaks:
    """The peaks of one run's alerts, by rule and validation set."""

    def __init__(self, stored: Iterable[tuple[str, str, float | None, float]] = ()) -> None:
        self._peaks = {(rule, name): Peak(value, until) for rule, name, value, until in stored}

    def note(self, verdict: Verdict, before: Alert | None, after: Alert | None, now: float) -> None:
        """Take in a verdict that moved an alert.

        A breach that begins, or becomes worse, is shown from now on; one that goes on was seen.
        """
        if verdict.outcome is not Outcome.BREACH or after is None or after.state != "firing":
            return
        held = self._held(after, now)
        goes_on = before is not None and before.state == "firing" and _is_breached(before, held)
        seen = held.value if held else before.value if before else None
        if not goes_on or _is_worse(verdict.rule, verdict.value, seen):
            self.fired(after, now)

    def fired(self, alert: Alert, now: float) -> None:
        """Show an alert's number, from now on for as long as every scrape takes to see it.

        A number that is read at any time cannot be held.
        """
        signal = SIGNALS.get(alert.key.rule)
        if signal is None or signal.shown_as_compared:
            self._peaks[alert.key.rule, alert.key.eval_set] = Peak(alert.value, now + SHOWN_FOR)

    def keep(self, firing: Iterable[Alert]) -> None:
        """Forget the peaks of all other alerts: nobody watched when they fired."""
        keys = {(alert.key.rule, alert.key.eval_set) for alert in firing}
        self._peaks = {key: peak for key, peak in self._peaks.items() if key in keys}

    def show(self, verdict: Verdict, alert: Alert | None, now: float) -> Shown:
        """Show the newest verdict, or the breach before it that still counts.

        *Unknown* and *not applicable* move no alert, so what they follow stays a breach.
        """
        held = self._held(alert, now) if alert else None
        if alert is not None and _is_breached(alert, held):
            return Shown(Outcome.BREACH, held.value if held else alert.value, alert.severity)
        if verdict.outcome is Outcome.CLEAR:
            return Shown(Outcome.CLEAR, verdict.value, excused=_is_beyond(verdict))
        applies = verdict.outcome is not Outcome.NOT_APPLICABLE
        return Shown(Outcome.UNKNOWN if applies else Outcome.NOT_APPLICABLE, None)

    def to_document(self) -> list[tuple[str, str, float | None, float]]:
        """Return plain data for the state document."""
        return [(*key, *peak) for key, peak in self._peaks.items()]

    def _held(self, alert: Alert, now: float) -> Peak | None:
        peak = self._peaks.get((alert.key.rule, alert.key.eval_set))
        # One that is shown for longer than any was noted under a clock that was set back since.
        return peak if peak is not None and 0 < peak.until - now <= SHOWN_FOR else None


def _is_breached(alert: Alert, held: Peak | None) -> bool:
    """Whether an alert's condition counts as met; an event is over once it was seen."""
    if RULES[alert.key.rule].event:
        return held is not None
    if alert.state == "resolved":
        return held is not None and alert.reason in ("recovered", "run_ended")
    return held is not None or alert.keep_since is None


def _is_worse(rule: str, value: float | None, seen: float | None) -> bool:
    signal = SIGNALS.get(rule)
    if signal is None or value is None or seen is None:
        return False
    return value != seen and signal.worst(value, seen) == value


def _is_beyond(verdict: Verdict) -> bool:
    signal = SIGNALS.get(verdict.rule)
    if signal is None or verdict.value is None:
        return False
    limit = signal.limit if verdict.threshold is None else verdict.threshold
    return limit is not None and signal.is_beyond(verdict.value, limit)
