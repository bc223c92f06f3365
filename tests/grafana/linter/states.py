"""The words that the code exports as values of labels, by what they tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from alerts.model import Outcome, RunStatus, Severity
from alerts.outbox.desk import OUTCOMES
from alerts.rules import RULES
from alerts.rules.overall import DIAGNOSES
from alerts.signals import EXCUSED
from exporter.snapshot import COMPUTE_MODES, RECOVERY_ACTIONS
from exporter.sources.nvml.vitals import THROTTLE_REASONS

VOCABULARIES: Mapping[str, frozenset[str]] = {
    "status of a run": frozenset(get_args(RunStatus)),
    "severity": frozenset(Severity),
    "state of an alert": frozenset({"pending", "firing"}),
    "verdict": frozenset({Outcome.BREACH, Outcome.NOT_APPLICABLE, EXCUSED}),
    "rule": frozenset(RULES),
    "diagnosis": frozenset(DIAGNOSES),
    "outcome of a delivery": frozenset(OUTCOMES),
    "recovery action": frozenset({*RECOVERY_ACTIONS, "unknown"}),
    "compute mode": frozenset(COMPUTE_MODES),
    "reason for the clocks": frozenset(THROTTLE_REASONS),
}
