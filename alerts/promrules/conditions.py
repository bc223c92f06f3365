"""Rules as PromQL: one expression for each severity that a rule may have."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from alerts import signals
from alerts.model import Severity
from alerts.rules import Rule, gpu, source, threshold
from alerts.signals import SIGNALS, Signal
from alerts.state import Policy
from alerts.thresholds import GpuTuning, Limits

LABELS: Mapping[str, tuple[str, ...]] = {
    "run": signals.RUN_SET,
    "gpu": ("uuid", "node"),
    "source": ("source", "node"),
}
"""By which labels alerts are told apart: never by pod, instance or job."""
LOOKBACK = "5m"
"""For how long a GPU that gives no reading keeps its last one, as alerts of the daemon do."""


class Condition(NamedTuple):
    """When a rule fires with one severity: a PromQL expression that held for so many seconds."""

    severity: Severity
    expr: str
    hold_for: float


def alert_name(rule: str) -> str:
    """Return how Prometheus calls the alert of a rule, such as `TunewatchLossIncrease`."""
    return "Tunewatch" + "".join(word.capitalize() for word in rule.split("_"))


def labels_of(rule: Rule) -> tuple[str, ...]:
    """Return the labels of a rule's alerts, beside its name and severity."""
    signal = SIGNALS.get(rule.name)
    if rule.name == gpu.MEMORY:
        return ("gpu", *LABELS["gpu"])
    return signals.RUN if signal and not signal.per_set else LABELS[rule.about]


def conditions(rule: Rule, limits: Limits) -> Iterator[Condition]:
    """Yield the conditions of one rule, the mildest first.

    The mildest holds in every breach; a graver one holds beside it while the breach is that grave.
    """
    policy = Policy.of(rule, limits.rules.tuning(rule.name))
    severities = (policy.severity,) if policy.severity else rule.severities
    if rule.name == source.NAME:
        yield from _source_down(severities, policy.hold_for)
        return
    mildest = _mildest(rule, limits)
    yield Condition(severities[0], mildest, policy.hold_for)
    for place, severity in enumerate(severities[1:], start=1):
        grave = _and(rule, _verdict(rule, "breach", severities[place:]))
        if policy.hold_for:
            # A breach that becomes graver has waited already: it is told with the mildest.
            grave += _and(rule, _firing(rule, severities[0]))
        yield Condition(severity, mildest + grave, 0.0)


def _mildest(rule: Rule, limits: Limits) -> str:
    special = _SPECIAL.get(rule.name)
    if special:
        return special(rule, limits)
    signal = SIGNALS.get(rule.name)
    limit = threshold(rule.name, limits)
    limit = signal.limit if signal and limit is None else limit
    if signal is None or limit is None:
        return f"{_max_by(labels_of(rule), _verdict(rule, 'breach'))} > 0"
    return _compared(rule, signal, limit)


def _compared(rule: Rule, signal: Signal, limit: float) -> str:
    unit = "" if signal.unit == 1 else f" / {number(signal.unit)}"
    expr = f"{_max_by(labels_of(rule), signal.metric)}{unit} {signal.comparison} {number(limit)}"
    if not signal.excuses:
        return expr
    return f"{expr}\nunless on ({_identity(rule)}) {_verdict(rule, signals.EXCUSED)}"


def _identity(rule: Rule) -> str:
    """Return the labels by which a verdict belongs to an alert."""
    named = {"experiment", "run_name", "gpu"}
    return ", ".join(label for label in labels_of(rule) if label not in named)


def _gpu_memory(rule: Rule, limits: Limits) -> str:
    judged = _not_ignored(limits.rules.gpu_memory_high)
    used, total = (
        _max_by(labels_of(rule), f"last_over_time({metric}{judged}[{LOOKBACK}])")
        for metric in (signals.GPU_MEMORY_USED, signals.GPU_MEMORY_TOTAL)
    )
    return f"100 * {used}\n/ {total}\n> {number(threshold(rule.name, limits) or 0)}"


def _not_ignored(tuning: GpuTuning) -> str:
    """Return the matchers that leave out the GPUs and nodes of the `ignore` globs."""
    if not tuning.ignore:
        return ""
    ignored = json.dumps("|".join(_pattern(glob) for glob in tuning.ignore))
    return f"{{uuid!~{ignored},node!~{ignored}}}"


def _pattern(glob: str) -> str:
    """Turn a glob into a regular expression of Prometheus, which must match the whole value.

    That of `fnmatch` has lookaheads, which Prometheus lacks.
    """
    return re.sub(r"\*|\?|\[(!?)([^]]+)\]|.", _part, glob, flags=re.DOTALL)


def _part(part: re.Match[str]) -> str:
    if part[2]:
        return f"[{'^' if part[1] else ''}{part[2]}]"
    return {"*": ".*", "?": "."}.get(part[0]) or re.escape(part[0])


def _source_down(severities: Sequence[Severity], hold_for: float) -> Iterator[Condition]:
    """Yield the conditions of a source that is down: how grave depends on how long."""
    down = f"{signals.SOURCE_EXPECTED} unless {signals.SOURCE_UP} == 1"
    expr = f"{_max_by(LABELS['source'], down)} == 1"
    yield Condition(severities[0], expr, hold_for)
    for severity in severities[1:]:
        yield Condition(severity, expr, max(hold_for, source.CRITICAL_AFTER))


_SPECIAL: Mapping[str, Callable[[Rule, Limits], str]] = {gpu.MEMORY: _gpu_memory}
"""Rules whose number is no signal of the daemon but comes from the GPUs themselves."""


def _and(rule: Rule, vector: str) -> str:
    return f"\nand on ({_identity(rule)}) {vector}"


def _firing(rule: Rule, severity: Severity) -> str:
    return (
        f'ALERTS{{alertname="{alert_name(rule.name)}",severity="{severity}",alertstate="firing"}}'
    )


def _verdict(rule: Rule, verdict: str, severities: Sequence[Severity] = ()) -> str:
    matchers = f'rule="{rule.name}",verdict="{verdict}"'
    if severities:
        operator = "=" if len(severities) == 1 else "=~"
        matchers += f',severity{operator}"{"|".join(severities)}"'
    return f"{signals.VERDICT}{{{matchers}}}"


def _max_by(labels: Sequence[str], vector: str) -> str:
    return f"max by ({', '.join(labels)}) ({vector})"


def number(value: float) -> str:
    """Write a number so that Prometheus reads the very same one."""
    whole = float(value).is_integer() and abs(value) < 1e15
    return str(int(value)) if whole else repr(float(value))


def duration(seconds: float) -> str:
    """Write seconds as a Prometheus duration, to the millisecond."""
    rest, parts = round(seconds * 1000), []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"
