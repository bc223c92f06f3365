"""Rules as PromQL: one expression for each severity that a rule may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from alerts import signals
from alerts.model import Severity
from alerts.promrules.machines import GPU, GRADES, NODE, SOURCE, WAITS
from alerts.promrules.promql import alert_name, max_by, number, one_of
from alerts.rules import Rule, threshold
from alerts.signals import SIGNALS, Signal
from alerts.state import Policy
from alerts.thresholds import Limits

LABELS: Mapping[str, tuple[str, ...]] = {
    "run": signals.RUN_SET,
    "gpu": GPU,
    "node": NODE,
    "source": SOURCE,
}
"""By which labels alerts are told apart: never by pod, instance or job."""


class Condition(NamedTuple):
    """When a rule fires with one severity: a PromQL expression that held for so many seconds."""

    severity: Severity
    expr: str
    hold_for: float


def labels_of(rule: Rule) -> tuple[str, ...]:
    """Return the labels of a rule's alerts, beside its name and severity."""
    signal = SIGNALS.get(rule.name)
    return signals.RUN if signal and not signal.per_set else LABELS[rule.about]


def conditions(rule: Rule, limits: Limits) -> Iterator[Condition]:
    """Yield the conditions of one rule, the mildest first.

    The mildest holds in every breach; a graver one holds beside it while the breach is that grave.
    """
    policy = Policy.of(rule, limits.rules.tuning(rule.name))
    severities = (policy.severity,) if policy.severity else rule.severities
    mildest = _mildest(rule, limits)
    yield Condition(severities[0], mildest, policy.hold_for)
    for severity in severities[1:]:
        wait = WAITS.get(rule.name, {}).get(severity)
        if wait is not None:
            yield Condition(severity, mildest, max(policy.hold_for, wait))
            continue
        grave = _grave(rule, limits, severity)
        if policy.hold_for:
            # A breach that becomes graver has waited already: it is told with the mildest.
            grave += _and(rule, _firing(rule, severities[0]))
        yield Condition(severity, mildest + grave, 0.0)


def _grave(rule: Rule, limits: Limits, severity: Severity) -> str:
    """Return what must hold beside the mildest condition."""
    if rule.name not in GRADES:
        graver = [each for each in rule.severities if each.rank >= severity.rank]
        return _and(rule, _verdict(rule, "breach", graver))
    # An episode that was that grave stays so to its end, as in the daemon.
    grave = GRADES[rule.name](limits)[severity]
    was = f"or on ({_identity(rule)}) {_firing(rule, severity)}"
    return _and(rule, f"({grave}\n{was})")


def _mildest(rule: Rule, limits: Limits) -> str:
    if rule.name in GRADES:
        return next(iter(GRADES[rule.name](limits).values()))
    signal = SIGNALS.get(rule.name)
    limit = threshold(rule.name, limits)
    limit = signal.limit if signal and limit is None else limit
    if signal is None or limit is None:
        return f"{max_by(labels_of(rule), _verdict(rule, 'breach'))} > 0"
    return _compared(rule, signal, limit)


def _compared(rule: Rule, signal: Signal, limit: float) -> str:
    unit = "" if signal.unit == 1 else f" / {number(signal.unit)}"
    expr = f"{max_by(labels_of(rule), signal.metric)}{unit} {signal.comparison} {number(limit)}"
    if not signal.excuses:
        return expr
    return f"{expr}\nunless on ({_identity(rule)}) {_verdict(rule, signals.EXCUSED)}"


def _identity(rule: Rule) -> str:
    """Return the labels by which a verdict belongs to an alert."""
    named = {"experiment", "run_name", "gpu"}
    return ", ".join(label for label in labels_of(rule) if label not in named)


def _and(rule: Rule, vector: str) -> str:
    return f"\nand on ({_identity(rule)}) {vector}"


def _firing(rule: Rule, severity: Severity) -> str:
    return (
        f'ALERTS{{alertname="{alert_name(rule.name)}",severity="{severity}",alertstate="firing"}}'
    )


def _verdict(rule: Rule, verdict: str, severities: Sequence[Severity] = ()) -> str:
    matchers = f'rule="{rule.name}",verdict="{verdict}"'
    if severities:
        matchers += f",{one_of('severity', [severity.value for severity in severities])}"
    return f"{signals.VERDICT}{{{matchers}}}"
