"""Which alert makes which other one redundant; the Alertmanager configuration says the same."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.model import AlertKey
from alerts.rules.machines import ABOUT_GPUS

INHIBITS: dict[str, frozenset[str]] = {
    "nonfinite": frozenset(
        {
            "loss_increase",
            "epoch_loss_stall",
            "eval_loss_gap",
            "eval_loss_rising",
            "unstable",
            "plateau",
        }
    ),
    "overfitting": frozenset({"eval_loss_gap", "eval_loss_rising", "overfit_onset", "early_stop"}),
    "loss_increase": frozenset({"epoch_loss_stall", "plateau"}),
    "run_failed": frozenset({"run_stalled", "run_incomplete"}),
}
"""Within one run: the rule on the left mutes those on the right."""

SOURCE_DOWN = "source_down"
INHIBITS_BY_SOURCE: dict[str, frozenset[str]] = {
    "mlflow": frozenset({"run_stalled", "training_time_exceeded"}),
    "nvml": ABOUT_GPUS,
}
"""`source_down` of the source on the left mutes those on the right (of its node, for GPUs)."""


def inhibitor(key: AlertKey, firing: Iterable[AlertKey]) -> str | None:
    """Return the rule among the firing alerts that mutes `key`, or None."""
    return next((other.rule for other in firing if _mutes(other, key)), None)


def _mutes(other: AlertKey, key: AlertKey) -> bool:
    if other.rule == SOURCE_DOWN:
        same_place = key.subject.kind == "run" or key.subject.node == other.subject.node
        return same_place and key.rule in INHIBITS_BY_SOURCE.get(other.subject.id, frozenset())
    return other.subject == key.subject and key.rule in INHIBITS.get(other.rule, frozenset())
