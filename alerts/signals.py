"""The numbers that rules compare: how Prometheus knows each, and how it is compared.

Every name that the generated Prometheus rules mention is written here once; what exports it takes
the name from here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Comparison = Literal[">", ">=", "<"]

_COMPARE: Mapping[Comparison, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
}


@dataclass(frozen=True, slots=True)
class Signal:
    """The number of one rule about runs.

    `metric` holds the number times `unit`. `limit` is that of a rule for which the user sets none.
    `per_set` tells that there is one number for each validation set. A rule that `excuses` may call
    a number beyond its limit no breach. `shown_as_compared` tells that the metric has the number
    only where the rule answered; a metric without it is read at any time.
    """

    metric: str
    help: str
    comparison: Comparison = ">"
    per_set: bool = False
    unit: float = 1.0
    limit: float | None = None
    excuses: bool = False
    shown_as_compared: bool = True

    def is_beyond(self, value: float, limit: float) -> bool:
        """Compare as the rule and the generated Prometheus rule do; both in the rule's unit."""
        return _COMPARE[self.comparison](value, limit)

    def worst(self, one: float, other: float) -> float:
        """Return the one of two numbers that is further beyond any limit."""
        return min(one, other) if self.comparison == "<" else max(one, other)


SIGNALS: Mapping[str, Signal] = {
    "loss_increase": Signal(
        "tunewatch_run_loss_increase_pct",
        "Rise of the smoothed training loss above its best level, in percent",
        excuses=True,
    ),
    "epoch_loss_stall": Signal(
        "tunewatch_run_epoch_loss_decrease_pct",
        "Fall of the mean training loss over the last closed epoch, in percent",
        "<",
    ),
    "eval_loss_gap": Signal(
        "tunewatch_run_eval_loss_gap",
        "Validation loss minus the mean training loss since the evaluation before",
        per_set=True,
    ),
    "eval_loss_rising": Signal(
        "tunewatch_run_eval_loss_consecutive_rises",
        "Strict rises of the validation loss in a row",
        ">=",
        per_set=True,
    ),
    "nonfinite": Signal(
        "tunewatch_run_nonfinite",
        "Whether NaN or infinity was logged and the run has not recovered since",
        limit=0.0,
    ),
    "training_time_exceeded": Signal(
        "tunewatch_run_training_seconds",
        "Time spent training, pauses counted no longer than the stall limit",
        unit=3600.0,
        shown_as_compared=False,
    ),
}
"""The number that each rule compares, by rule; a rule that is not here compares none."""

RUN = ("experiment", "run_id", "run_name")
"""The labels of a run's series."""
RUN_SET = (*RUN, "eval_set")

VERDICT = "tunewatch_rule_verdict"
EXCUSED = "excused"
"""The verdict on a number beyond its limit that the rule has a reason to let pass."""
GPU_MEMORY_USED = "nvidia_gpu_memory_used_bytes"
GPU_MEMORY_TOTAL = "nvidia_gpu_memory_total_bytes"
GPU_MIG_MODE = "nvidia_gpu_mig_mode"
MIG_MEMORY_USED = "nvidia_mig_memory_used_bytes"
MIG_MEMORY_TOTAL = "nvidia_mig_memory_total_bytes"
GPU_XID_AT = "nvidia_gpu_last_xid_timestamp_seconds"
GPU_ECC = "nvidia_gpu_ecc_errors_total"
GPU_REMAP_PENDING = "nvidia_gpu_row_remap_pending"
GPU_REMAP_FAILURE = "nvidia_gpu_row_remap_failure"
GPU_THROTTLE = "nvidia_gpu_throttle_active"
GPU_INFO = "nvidia_gpu_info"
GPUS_MISSING = "nvidia_gpu_devices_missing"
GPU_TRAINING_BUSY = "tunewatch_gpu_training_busy_pct"
SOURCE_UP = "tunewatch_source_up"
SOURCE_EXPECTED = "tunewatch_source_expected"
PEER_UP = "tunewatch_peer_up"
LEADER = "tunewatch_leader"
RULES_INFO = "tunewatch_rules_info"
