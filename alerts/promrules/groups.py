"""The groups of Prometheus rules that say the same as the daemon."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alerts.promrules.annotations import Links, describe
from alerts.promrules.conditions import Condition, conditions
from alerts.promrules.promql import alert_name, duration
from alerts.promrules.settings import PrometheusSettings
from alerts.promrules.watchdogs import Watchdog, out_of_sync, watchdogs
from alerts.rules import KEEP_FIRING_FOR, RULES, Rule, is_on
from alerts.state import Policy
from alerts.thresholds import AlertSettings, LimitBook, Limits

Group = Mapping[str, Any]
"""One group of a rule file: `name` and `rules`."""
_ABOUT = {"runs": "run", "gpus": "gpu", "nodes": "node", "sources": "source"}


def groups(settings: AlertSettings, prometheus: PrometheusSettings) -> Sequence[Group]:
    """Return all groups: every rule that is on, and the watchdogs."""
    links = Links.of(settings, prometheus)
    watching = [*watchdogs(prometheus), out_of_sync(fingerprint(settings, prometheus))]
    return (
        *_judging(settings, links),
        {"name": "tunewatch-watchdogs", "rules": [_watchdog(dog, links) for dog in watching]},
    )


def fingerprint(settings: AlertSettings, prometheus: PrometheusSettings) -> str:
    """Return a short hash of when the rules fire, not of what they say about it."""
    links = Links.of(settings, prometheus)
    rules = [rule for group in _judging(settings, links) for rule in group["rules"]]
    rules += [_watchdog(dog, links) for dog in watchdogs(prometheus)]
    told = [{key: value for key, value in rule.items() if key != "annotations"} for rule in rules]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]


def _judging(settings: AlertSettings, links: Links) -> Iterator[Group]:
    limits = LimitBook(settings).of_fleet()
    on = [rule for rule in RULES.values() if is_on(rule.name, limits)]
    for name, about in _ABOUT.items():
        rules = [
            _alert(rule, condition, limits, links)
            for rule in on
            if rule.about == about
            for condition in conditions(rule, limits)
        ]
        if rules:
            yield {"name": f"tunewatch-{name}", "rules": rules}


def _alert(rule: Rule, condition: Condition, limits: Limits, links: Links) -> Mapping[str, Any]:
    policy = Policy.of(rule, limits.rules.tuning(rule.name))
    return {
        "alert": alert_name(rule.name),
        "expr": condition.expr,
        "for": duration(condition.hold_for),
        "keep_firing_for": duration(policy.keep_firing_for),
        "labels": {"severity": condition.severity.value, "rule": rule.name},
        "annotations": dict(describe(rule, limits, links)),
    }


def _watchdog(dog: Watchdog, links: Links) -> Mapping[str, Any]:
    return {
        "alert": dog.name,
        "expr": dog.expr,
        "for": duration(dog.hold_for),
        "keep_firing_for": duration(KEEP_FIRING_FOR),
        "labels": {"severity": dog.severity},
        "annotations": {
            "summary": dog.summary,
            "description": dog.description,
            "runbook_url": links.runbook_of("prometheus", dog.name.lower()),
            "dashboard_url": links.daemon,
        },
    }
