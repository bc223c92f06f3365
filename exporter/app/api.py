"""The alerts of this moment, as JSON for programs."""

from __future__ import annotations

from typing import Any

from alerts.model import RunFacts
from alerts.view import AlertsView, AlertView, json_number


def alerts_document(view: AlertsView) -> dict[str, Any]:
    """Return what `/api/v1/alerts` answers in the process that has the run role.

    Times are Unix seconds; numbers that JSON cannot hold are text, as Prometheus spells them.
    """
    ordered = sorted(view.alerts, key=lambda a: (-a.alert.severity.rank, a.alert.active_since))
    return {"run_role": True, "alerts": [_alert(alert) for alert in ordered]}


def _alert(shown: AlertView) -> dict[str, Any]:
    alert = shown.alert
    subject = alert.key.subject
    return {
        "rule": alert.key.rule,
        "severity": alert.severity.value,
        "state": alert.state,
        "episode": alert.episode,
        "subject": {"kind": subject.kind, "id": subject.id, "node": subject.node},
        "run": _run(shown.run),
        "eval_set": alert.key.eval_set,
        "active_since": alert.active_since,
        "fired_at": alert.fired_at,
        "step": alert.step,
        "epoch": json_number(alert.epoch),
        "value": json_number(alert.value),
        "current": json_number(alert.current),
        "threshold": json_number(alert.threshold),
        "summary": alert.summary,
        "action": alert.action,
        "evidence": {
            name: json_number(value) if isinstance(value, float) else value
            for name, value in alert.evidence.items()
        },
        "inhibited_by": alert.inhibited_by,
        "muted": shown.muted,
        "already_so": alert.already_so,
    }


def _run(facts: RunFacts | None) -> dict[str, Any] | None:
    if facts is None:
        return None
    return {
        "run_id": facts.run_id,
        "name": facts.name,
        "experiment": facts.experiment,
        "status": facts.status,
        "url": facts.url,
    }
