"""`gpu_memory_high`: a GPU's memory is nearly full."""

from __future__ import annotations

from alerts.model import GpuObservation, Outcome, Severity, Verdict
from alerts.thresholds import Limits

MEMORY = "gpu_memory_high"
MEMORY_ACTION = (
    "A longer batch may run out of memory: lower the per-device batch size, checkpoint "
    "activations, or set PYTORCH_ALLOC_CONF=expandable_segments:True. Frameworks cache memory, so "
    "a level that stays where it is may be fine."
)


def judge_memory(gpu: GpuObservation, limits: Limits) -> Verdict | None:
    """Compare 100 * used / total, without the driver's reserve, with the limit."""
    threshold = limits.thresholds.max_gpu_memory_pct
    if threshold is None or gpu.memory_total_bytes <= 0:
        return None
    pct = 100 * gpu.memory_used_bytes / gpu.memory_total_bytes
    return Verdict(
        MEMORY,
        Outcome.BREACH if pct > threshold else Outcome.CLEAR,
        Severity.WARNING,
        pct,
        threshold,
        f"memory of GPU {gpu.index} on {gpu.node} is {pct:.1f} % full",
        evidence={"gpu": gpu.index, "node": gpu.node},
    )
