"""The alerts of this moment as strict JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from alerts.model import AlertKey, Severity, Subject
from alerts.state import Alert
from alerts.view import AlertsView, AlertView
from exporter.app.api import alerts_document
from tests.support.engine import NAN, run_facts
from tests.support.notices import NOW

FACTS = run_facts(name='</script>"\n\ud800', url="http://mlflow.example/#/runs/run-1")
ALERT = Alert(
    AlertKey("eval_loss_gap", Subject("run", "run-1"), "code"),
    "firing",
    Severity.WARNING,
    2,
    NOW,
    fired_at=NOW + 1,
    value=0.5,
    current=0.25,
    threshold=0.1,
    summary="the gap is wide",
    action="regularise",
    step=40,
    epoch=1.5,
    evidence={"eval_loss": 1.5, "set": "code", "count": 3},
)


def answered(view: AlertsView) -> Any:  # noqa: ANN401 - JSON
    """Return what a program reads, through the bytes that it gets."""
    return json.loads(json.dumps(alerts_document(view), allow_nan=False).encode())


def test_an_engine_without_alerts_says_so() -> None:
    assert answered(AlertsView()) == {"run_role": True, "alerts": []}


def test_an_alert_is_told_with_its_evidence() -> None:
    assert answered(AlertsView(alerts=(AlertView(ALERT, FACTS),)))["alerts"] == [
        {
            "rule": "eval_loss_gap",
            "severity": "warning",
            "state": "firing",
            "episode": 2,
            "subject": {"kind": "run", "id": "run-1", "node": ""},
            "run": {
                "run_id": "run-1",
                "name": FACTS.name,
                "experiment": "support-bot",
                "status": "RUNNING",
                "url": "http://mlflow.example/#/runs/run-1",
            },
            "eval_set": "code",
            "active_since": NOW,
            "fired_at": NOW + 1,
            "step": 40,
            "epoch": 1.5,
            "value": 0.5,
            "current": 0.25,
            "threshold": 0.1,
            "summary": "the gap is wide",
            "action": "regularise",
            "evidence": {"eval_loss": 1.5, "set": "code", "count": 3},
            "inhibited_by": None,
            "muted": False,
            "already_so": False,
        }
    ]


@pytest.mark.parametrize(
    ("value", "shown"), [(NAN, "NaN"), (float("inf"), "+Inf"), (float("-inf"), "-Inf")]
)
def test_numbers_that_json_cannot_hold_are_spelt(value: float, shown: str) -> None:
    alert = replace(
        ALERT, value=value, current=value, threshold=value, epoch=value, evidence={"loss": value}
    )
    (told,) = answered(AlertsView(alerts=(AlertView(alert),)))["alerts"]
    assert [told[name] for name in ("value", "current", "threshold", "epoch")] == [shown] * 4
    assert told["evidence"] == {"loss": shown}
    assert told["run"] is None


def test_the_worst_comes_first_and_then_the_oldest() -> None:
    alerts = [
        replace(ALERT, severity=severity, active_since=since, summary=f"{severity} {since:g}")
        for severity, since in [
            (Severity.INFO, 1.0),
            (Severity.CRITICAL, 3.0),
            (Severity.WARNING, 2.0),
            (Severity.CRITICAL, 2.0),
        ]
    ]
    view = AlertsView(alerts=tuple(AlertView(alert) for alert in alerts))
    assert [told["summary"] for told in answered(view)["alerts"]] == [
        "critical 2",
        "critical 3",
        "warning 2",
        "info 1",
    ]
