"""The life of one alert: pending, firing, resolved, with Prometheus's own arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from alerts.model import (
    AlertKey,
    Evidence,
    Outcome,
    ResolveReason,
    Severity,
    Subject,
    Transition,
    Verdict,
)
from alerts.rules import RULES, Rule
from alerts.thresholds import RuleTuning


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as of its last verdict; all times are Unix seconds, None has not happened.

    `episode` counts the firings of this key from 1. `step`, `epoch` and `fired_at` are those of the
    deciding point; `value` is the newest that breached, `current` that of the newest verdict.
    """

    key: AlertKey
    state: Literal["pending", "firing", "resolved"]
    severity: Severity
    episode: int
    active_since: float
    fired_at: float | None = None
    keep_since: float | None = None
    resolved_at: float | None = None
    value: float | None = None
    threshold: float | None = None
    summary: str = ""
    action: str = ""
    step: int | None = None
    epoch: float | None = None
    evidence: Evidence = field(default_factory=dict)
    inhibited_by: str | None = None
    already_so: bool = False
    reason: ResolveReason | None = None
    current: float | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """How one rule moves between states; durations in seconds."""

    hold_for: float
    keep_firing_for: float
    severity: Severity | None
    action: str
    event: bool

    @classmethod
    def of(cls, rule: Rule, tuning: RuleTuning) -> Policy:
        """Join a rule's own defaults with what the user set."""
        keep = tuning.keep_firing_for
        return cls(
            rule.hold_for if tuning.hold_for is None else tuning.hold_for,
            rule.keep_firing_for if keep is None else keep,
            tuning.severity,
            rule.action,
            rule.event,
        )


def advance(
    alert: Alert | None, key: AlertKey, verdict: Verdict, policy: Policy, at: float, now: float
) -> tuple[Alert | None, Transition | None]:
    """Move one alert by one verdict; return the alert afterwards and what to tell, if anything.

    `at` dates the deciding point, `now` is the daemon's clock, by which all timers run: pending
    becomes firing once now - active_since >= hold_for, and a firing alert whose condition went
    resolves once now - keep_since >= keep_firing_for. *Unknown* and *not applicable* move nothing.
    """
    if verdict.outcome is Outcome.BREACH:
        return _breach(alert, key, verdict, policy, at, now)
    if verdict.outcome is Outcome.CLEAR and alert is not None:
        return _clear(alert, verdict, policy, now)
    return alert, None


def _breach(
    alert: Alert | None, key: AlertKey, verdict: Verdict, policy: Policy, at: float, now: float
) -> tuple[Alert, Transition | None]:
    severity = policy.severity or verdict.severity
    if alert is None or alert.state == "resolved":
        episode = alert.episode + 1 if alert else 1
        alert = _told(Alert(key, "pending", severity, episode, now), verdict, policy)
    if alert.state == "pending":
        alert = _told(alert, verdict, policy)
        alert = replace(alert, severity=severity, step=verdict.step, epoch=verdict.epoch)
        return _fire(alert, policy, at, now)
    worse = severity.rank > alert.severity.rank
    alert = replace(_told(alert, verdict, policy), keep_since=None)
    if not worse:
        return alert, None
    alert = replace(alert, severity=severity)
    worsened = firing(alert, at, event=policy.event)
    return alert, replace(worsened, step=verdict.step, epoch=verdict.epoch)


def _fire(alert: Alert, policy: Policy, at: float, now: float) -> tuple[Alert, Transition | None]:
    # A clock that was set back must not make anybody wait until it has caught up.
    alert = replace(alert, active_since=min(alert.active_since, now))
    if now - alert.active_since < policy.hold_for:
        return alert, None
    fired = replace(alert, state="firing", fired_at=at)
    return fired, firing(fired, at, event=policy.event)


def ripen(alert: Alert, policy: Policy, now: float) -> tuple[Alert, Transition | None]:
    """Fire a pending alert whose condition has lasted for `hold_for`, though nothing new came."""
    return _fire(alert, policy, now, now) if alert.state == "pending" else (alert, None)


def _told(alert: Alert, verdict: Verdict, policy: Policy) -> Alert:
    """Take over what a breach says."""
    return replace(
        alert,
        value=verdict.value,
        current=verdict.value,
        threshold=verdict.threshold,
        summary=verdict.summary,
        action=verdict.action or policy.action,
        evidence=verdict.evidence,
    )


def _clear(
    alert: Alert, verdict: Verdict, policy: Policy, now: float
) -> tuple[Alert | None, Transition | None]:
    if alert.state == "pending":
        return (withdraw(alert) if alert.episode > 1 else None), None
    if alert.state == "firing" and policy.event:
        # An event is over by itself; the next one is another episode.
        return replace(alert, state="resolved", resolved_at=now), None
    if alert.state == "resolved":
        return alert, None
    since = now if alert.keep_since is None else alert.keep_since
    return expire(replace(alert, keep_since=since, current=verdict.value), policy, now)


def withdraw(alert: Alert) -> Alert:
    """End what was pending: it was no episode."""
    return replace(alert, state="resolved", episode=alert.episode - 1)


def expire(alert: Alert, policy: Policy, now: float) -> tuple[Alert, Transition | None]:
    """Resolve a firing alert whose condition has been gone for `keep_firing_for`."""
    if alert.state != "firing" or alert.keep_since is None:
        return alert, None
    since = min(alert.keep_since, now)
    if now - since < policy.keep_firing_for:
        return replace(alert, keep_since=since), None
    return resolve(alert, "recovered", now)


def resolve(alert: Alert, reason: ResolveReason, at: float) -> tuple[Alert, Transition]:
    """End a firing alert for `reason`."""
    ended = replace(alert, state="resolved", resolved_at=at, keep_since=None, reason=reason)
    return ended, resolution(ended)


def firing(alert: Alert, at: float, *, event: bool) -> Transition:
    """Return the news that an alert fires, as the alert stands."""
    return Transition(
        key=alert.key,
        state="firing",
        severity=alert.severity,
        episode=alert.episode,
        at=at,
        value=alert.value,
        threshold=alert.threshold,
        summary=alert.summary,
        action=alert.action,
        step=alert.step,
        epoch=alert.epoch,
        evidence=alert.evidence,
        already_so=alert.already_so,
        inhibited_by=alert.inhibited_by,
        event=event,
        current=alert.current,
        seen_at=alert.active_since,
    )


def resolution(alert: Alert) -> Transition:
    """Return the news that an alert has ended, as the alert stands: `value` is the current one."""
    at = alert.active_since if alert.resolved_at is None else alert.resolved_at
    told = firing(alert, at, event=False)
    return replace(told, state="resolved", reason=alert.reason, value=alert.current)


def to_document(alert: Alert) -> dict[str, Any]:
    """Return plain data for the state document, without what goes without saying."""
    kind, subject, node = alert.key.subject
    told = {name: getattr(alert, name) for name in _PLAIN}
    if alert.action == _action(alert.key.rule):
        del told["action"]
    return {
        "rule": alert.key.rule,
        "subject": [kind, subject, node],
        "eval_set": alert.key.eval_set,
        "severity": alert.severity.value,
        "evidence": dict(alert.evidence),
        **{name: value for name, value in told.items() if value is not None},
    }


_PLAIN = (
    "state",
    "episode",
    "active_since",
    "fired_at",
    "keep_since",
    "resolved_at",
    "value",
    "threshold",
    "summary",
    "action",
    "step",
    "epoch",
    "inhibited_by",
    "already_so",
    "reason",
    "current",
)


def from_document(document: dict[str, Any]) -> Alert:
    """Rebuild an alert from `to_document`."""
    plain = {"action": _action(document["rule"]), **document}
    return Alert(
        key=AlertKey(document["rule"], Subject(*document["subject"]), document["eval_set"]),
        severity=Severity(document["severity"]),
        evidence=document["evidence"],
        **{name: plain[name] for name in _PLAIN if name in plain},
    )


def verdict_to_document(verdict: Verdict) -> list[Any]:
    """Return plain data for the state document: what the page of rules shows of a verdict."""
    v = verdict
    return [v.rule, v.eval_set, v.outcome.value, v.value, v.threshold]


def verdict_from_document(document: list[Any]) -> Verdict:
    """Rebuild a verdict from `verdict_to_document`."""
    rule, eval_set, outcome, value, threshold = document
    return Verdict(rule, Outcome(outcome), value=value, threshold=threshold, eval_set=eval_set)


def _action(rule: str) -> str:
    found = RULES.get(rule)
    return found.action if found else ""
