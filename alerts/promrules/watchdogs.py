"""The alerts that nobody but Prometheus can raise: those about tunewatch itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alerts.promrules.settings import PrometheusSettings
from alerts.signals import LEADER, RULES_INFO

ALWAYS = "TunewatchWatchdog"
OUT_OF_SYNC = "TunewatchRulesOutOfSync"


@dataclass(frozen=True, slots=True)
class Watchdog:
    """One alert about tunewatch itself; `hold_for` in seconds."""

    name: str
    severity: str
    expr: str
    hold_for: float
    summary: str
    description: str


def watchdogs(prometheus: PrometheusSettings) -> Sequence[Watchdog]:
    """Return the watchdogs but for the one that compares the rules themselves."""
    up = f'up{{job="{prometheus.job}"}}'
    return (
        Watchdog(
            ALWAYS,
            "none",
            "vector(1)",
            0.0,
            "Prometheus and Alertmanager work",
            "Always fires. Whoever is called for it raises the alarm when the calls cease.",
        ),
        Watchdog(
            "TunewatchDown",
            "critical",
            f"max by (job, instance, node) ({up}) == 0\nor absent({up})",
            300.0,
            "tunewatch is down{{ with $labels.instance }}: {{ . }}{{ end }}"
            "{{ with $labels.node }} on {{ . }}{{ end }}",
            "Nobody watches there, and alerts of the runs are held as they were. "
            "What to do: look at the process and its log (systemctl status tunewatch, "
            "kubectl logs), and whether Prometheus can reach it.",
        ),
        Watchdog(
            "TunewatchNoHolder",
            "critical",
            f"max({LEADER}) == 0\nor absent({LEADER})",
            300.0,
            "No tunewatch process watches the runs",
            "GPUs are read, but no process has the run role: runs are neither mirrored nor judged, "
            "and nobody is told. What to do: look in the logs why none takes the Lease, and "
            "whether all run with --no-collector.mlflow.",
        ),
    )


def out_of_sync(fingerprint: str) -> Watchdog:
    """Return the alert that fires when a process would make other rules than these."""
    return Watchdog(
        OUT_OF_SYNC,
        "warning",
        f'count({RULES_INFO}{{hash!="{fingerprint}"}}) > 0',
        900.0,
        "The rules in Prometheus are not those of tunewatch's configuration",
        "{{ $value }} of the tunewatch processes have thresholds other than these rules. "
        "What to do: run `tunewatch rules` with the configuration in force and load its output "
        "into Prometheus.",
    )
