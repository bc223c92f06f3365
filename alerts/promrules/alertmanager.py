"""The Alertmanager configuration that tells people the same, grouped and muted the same way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alerts.inhibition import INHIBITS, INHIBITS_BY_SOURCE, SOURCE_DOWN
from alerts.model import Severity
from alerts.promrules.promql import duration
from alerts.promrules.receivers import CHANGES, TEAM, TOLD_ONCE, globals_of, receivers
from alerts.promrules.receivers import WATCHDOG as WATCHDOG_RECEIVER
from alerts.promrules.settings import PrometheusSettings
from alerts.promrules.watchdogs import ALWAYS, OUT_OF_SYNC, watchdogs
from alerts.rules import RULES
from alerts.thresholds import AlertSettings

NOBODY = "tunewatch-nobody"
WAIT = "15s"
NEVER = "5d"
"""For so long Alertmanager remembers what it has told, unless it is started otherwise."""

Tree = Mapping[str, Any]


def configuration(settings: AlertSettings, prometheus: PrometheusSettings) -> Tree:
    """Return a whole configuration.

    With `notify.via: apprise` it tells nobody what the daemon tells already.
    """
    return {
        "global": globals_of(prometheus),
        "route": {
            "receiver": TEAM,
            "group_by": ["alertname"],
            "group_wait": WAIT,
            "group_interval": CHANGES,
            "repeat_interval": _repeat(settings.notify.repeat.warning),
            "routes": list(_routes(settings, prometheus)),
        },
        "inhibit_rules": list(_inhibitions()),
        "receivers": [*receivers(prometheus), {"name": NOBODY}],
    }


def _routes(settings: AlertSettings, prometheus: PrometheusSettings) -> Iterator[Tree]:
    if prometheus.watchdog_url:
        yield {
            "matchers": [f'alertname="{ALWAYS}"'],
            "receiver": WATCHDOG_RECEIVER,
            "group_wait": "0s",
            "group_interval": "1m",
            "repeat_interval": "1m",
        }
    else:
        yield {"matchers": [f'alertname="{ALWAYS}"'], "receiver": NOBODY}
    others = [dog.name for dog in watchdogs(prometheus) if dog.name != ALWAYS]
    named = "|".join([*others, OUT_OF_SYNC])
    critical = _repeat(settings.notify.repeat.critical)
    yield {"matchers": [f'alertname=~"{named}"'], "receiver": TEAM, "repeat_interval": critical}
    if settings.notify.via == "apprise":
        yield {"matchers": ['alertname=~"Tunewatch.+"'], "receiver": NOBODY}
        return
    events = "|".join(rule.name for rule in RULES.values() if rule.event)
    told_once = {"receiver": TOLD_ONCE, "matchers": [f'rule=~"{events}"', 'run_id=~".+"']}
    grouped: tuple[tuple[Tree, Sequence[str]], ...] = (
        (told_once, ["run_id"]),
        ({"receiver": TEAM, "matchers": ['rule=~".+"', 'run_id=~".+"']}, ["run_id"]),
        ({"receiver": TEAM, "matchers": ['rule=~".+"', 'source=~".+"']}, ["source", "node"]),
        ({"receiver": TEAM, "matchers": ['rule=~".+"', 'node=~".+"']}, ["node"]),
    )
    for route, by in grouped:
        yield {**route, "group_by": by, "routes": list(_by_severity(critical))}


def _by_severity(critical: str) -> Iterator[Tree]:
    """Yield what differs from the other alerts: critical ones do not wait, info is told once."""
    at_once = {"group_wait": "0s", "repeat_interval": critical}
    yield {"matchers": ['severity="critical"'], **at_once}
    yield {"matchers": ['severity="info"'], "repeat_interval": NEVER}


def _repeat(seconds: float) -> str:
    return duration(seconds) if seconds else NEVER


def _inhibitions() -> Iterator[Tree]:
    """Yield what makes what redundant: the daemon's table, and the graver of two severities."""
    ranked = [severity.value for severity in sorted(Severity, key=lambda s: -s.rank)]
    who = ["rule", "run_id", "eval_set", "uuid", "source", "node"]
    for place, severity in enumerate(ranked[:-1], start=1):
        milder = "|".join(ranked[place:])
        source = ['rule=~".+"', f'severity="{severity}"']
        yield _mutes(source, ['rule=~".+"', f'severity=~"{milder}"'], who)
    for rule, muted in INHIBITS.items():
        yield _mutes([f'rule="{rule}"'], [_any_of(muted)], ["run_id"])
    for name, muted in INHIBITS_BY_SOURCE.items():
        equal = ["node"] if all(RULES[rule].about != "run" for rule in muted) else []
        yield _mutes([f'rule="{SOURCE_DOWN}"', f'source="{name}"'], [_any_of(muted)], equal)


def _any_of(rules: frozenset[str]) -> str:
    return f'rule=~"{"|".join(sorted(rules))}"'


def _mutes(source: Sequence[str], target: Sequence[str], equal: Sequence[str]) -> Tree:
    found = {"source_matchers": list(source), "target_matchers": list(target)}
    return {**found, "equal": list(equal)} if equal else found
