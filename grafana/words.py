"""Words, numbers and colours for states: the same on all dashboards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from alerts.model import Severity
from alerts.rules import RULES
from alerts.rules.overall import DIAGNOSES, HEALTHY
from grafana.looks import BLUE, GREEN, GREY, ORANGE, PLAIN, RED, YELLOW, Mapped
from grafana.queries import code, max_by, series

STATUS: Mapped = {
    "RUNNING": ("running", BLUE),
    "SCHEDULED": ("scheduled", GREY),
    "FINISHED": ("finished", GREEN),
    "FAILED": ("failed", RED),
    "KILLED": ("killed", ORANGE),
}
_COLORS = {Severity.INFO: BLUE, Severity.WARNING: ORANGE, Severity.CRITICAL: RED}
SEVERITY: Mapped = {each.value: (each.value, color) for each, color in _COLORS.items()}
RULE: Mapped = {
    name: (name.replace("_", " "), _COLORS[rule.severities[-1]]) for name, rule in RULES.items()
}
DIAGNOSIS: Mapped = {
    word: RULE.get(word, (word, GREEN if word == HEALTHY else GREY)) for word in DIAGNOSES
}
UP: Mapped = {"1": ("up", GREEN), "0": ("down", RED)}
ALERT: Mapped = {
    "4": ("critical", RED),
    "3": ("warning", ORANGE),
    "2": ("info", BLUE),
    "1": ("pending", YELLOW),
}

ADVICE: Mapped = {name: (rule.action, PLAIN) for name, rule in RULES.items()}
"""What messages tell people to do, by rule."""


def advice(rule: str) -> str:
    """Return what messages tell people to do about a rule; raises KeyError for no rule."""
    return RULES[rule].action


def by_number(mapped: Mapped) -> Mapped:
    """Return the words by their place, from 1."""
    return {str(place): word for place, word in enumerate(mapped.values(), 1)}


def status(on: Sequence[str], *of: str) -> str:
    """Return the status of each run as the number of its word."""
    return _numbered("mlflow_run_status", "status", STATUS, on, of)


def diagnosis(on: Sequence[str], *of: str) -> str:
    """Return the diagnosis of each run as the number of its word; the gravest has the lowest."""
    return _numbered("tunewatch_run_diagnosis", "diagnosis", DIAGNOSIS, on, of)


def alert(on: Sequence[str], *of: str) -> str:
    """Return the gravest state of the alerts as the number of its word."""
    states: Mapping[int, tuple[str, ...]] = {
        4: ('state="firing"', 'severity="critical"'),
        3: ('state="firing"', 'severity="warning"'),
        2: ('state="firing"', 'severity="info"'),
        1: ('state="pending"',),
    }
    found = {n: max_by(on, series("tunewatch_alert_state", *at, *of)) for n, at in states.items()}
    return code(on, found)


def _numbered(
    name: str, label: str, words: Iterable[str], on: Sequence[str], of: Sequence[str]
) -> str:
    """Return the place of a label's value among these words, from 1."""
    vectors = {
        place: max_by(on, series(name, f'{label}="{word}"', *of))
        for place, word in enumerate(words, 1)
    }
    return code(on, vectors)
