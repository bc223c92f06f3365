"""What happened to alerts, told by how they stood before and stand now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alerts import state
from alerts.model import AlertKey, Transition
from alerts.rules import RULES
from alerts.state import Alert


def news(before: Mapping[AlertKey, Alert], now: Mapping[AlertKey, Alert]) -> Iterator[Transition]:
    """Yield what people would have been told in between."""
    for key, alert in now.items():
        was = before.get(key)
        event = RULES[key.rule].event
        if alert.state == "firing" and (was is None or _is_worse(was, alert)):
            yield as_firing(alert)
        elif alert.state == "resolved" and was and was.state == "firing" and not event:
            yield state.resolution(alert)


def as_firing(alert: Alert) -> Transition:
    """Return the news that an alert fires, as it stands."""
    at = alert.active_since if alert.fired_at is None else alert.fired_at
    return state.firing(alert, at, event=RULES[alert.key.rule].event)


def _is_worse(was: Alert, alert: Alert) -> bool:
    """Whether an alert that fires is another episode, or graver, than it was."""
    same = (was.state, was.episode) == (alert.state, alert.episode)
    return not same or alert.severity.rank > was.severity.rank
