"""Rules on the newest reading of a GPU: its memory is nearly full, or its hardware in trouble."""

from __future__ import annotations

from alerts.history.gpu import GpuHistory
from alerts.model import GpuObservation, Outcome, Severity, Verdict
from alerts.thresholds import Limits

MEMORY = "gpu_memory_high"
MEMORY_ACTION = (
    "A longer batch may run out of memory: lower the per-device batch size, checkpoint "
    "activations, or set PYTORCH_ALLOC_CONF=expandable_segments:True. Frameworks cache memory, so "
    "a level that stays where it is may be fine."
)
ECC = "gpu_ecc_uncorrectable"
ECC_ACTION = (
    "What ran on this GPU may have computed with wrong numbers: restart it from its last "
    "checkpoint, on another GPU. Drain this one and reset it (nvidia-smi --gpu-reset), which "
    "clears the counter; if errors come back, have the board replaced."
)
REMAP = "gpu_row_remap"
REMAP_ACTION = (
    "Drain the GPU at the next occasion and reset it (nvidia-smi --gpu-reset): only then are the "
    "bad memory rows replaced."
)
REMAP_FAILED_ACTION = (
    "The GPU has no spare rows left for bad memory: take it out of use and have the board replaced."
)
SLOWDOWN = "gpu_slowdown"
SLOWDOWN_ACTION = (
    "The hardware holds the clocks down to protect itself: look after cooling (fans, airflow, "
    "coolant) where it is heat, and power supply and cabling where it is the power brake."
)
HARDWARE_SLOWDOWNS = {
    "hw_thermal_slowdown": "heat",
    "hw_power_brake_slowdown": "the power brake",
}
"""The throttle reasons that mean trouble, and what to call each; the others are by design."""


def place(gpu: GpuObservation) -> str:
    """Name a GPU to people, or an instance that is part of one."""
    part = f"{gpu.uuid} of " if gpu.parent else ""
    return f"{part}GPU {gpu.index} on {gpu.node}"


def evidence(gpu: GpuObservation) -> dict[str, float | int | str]:
    """Return what tells a GPU from others."""
    return {"gpu": gpu.index, "node": gpu.node}


def judge_memory(history: GpuHistory, limits: Limits) -> Verdict | None:
    """Compare 100 * used / total, without the driver's reserve, with the limit."""
    gpu, threshold = history.gpu, limits.thresholds.max_gpu_memory_pct
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    if threshold is None or used is None or total is None or total <= 0:
        return None
    pct = 100 * used / total
    return Verdict(
        MEMORY,
        Outcome.BREACH if pct > threshold else Outcome.CLEAR,
        Severity.WARNING,
        pct,
        threshold,
        f"memory of {place(gpu)} is {pct:.1f} % full",
        evidence=evidence(gpu),
    )


def judge_ecc(history: GpuHistory, limits: Limits) -> Verdict | None:  # noqa: ARG001 - no limit to read
    """Breach while the driver counts any uncorrectable error; it counts anew after a reset."""
    gpu = history.gpu
    if gpu.ecc_uncorrected is None:
        return None
    count = gpu.ecc_uncorrected
    errors = "1 uncorrectable ECC error" if count == 1 else f"{count} uncorrectable ECC errors"
    return Verdict(
        ECC,
        Outcome.BREACH if count > 0 else Outcome.CLEAR,
        Severity.CRITICAL,
        float(count),
        0.0,
        f"{errors} in the memory of {place(gpu)} since its last reset",
        evidence=evidence(gpu),
    )


def judge_remap(history: GpuHistory, limits: Limits) -> Verdict | None:  # noqa: ARG001 - no limit to read
    """Warn of memory rows that wait for a reset; critical where there was no row to spare."""
    gpu = history.gpu
    if gpu.remap is None:
        return None
    failed = gpu.remap.failure
    breached = failed or gpu.remap.pending
    what = "could not replace a bad memory row" if failed else "waits to replace bad memory rows"
    return Verdict(
        REMAP,
        Outcome.BREACH if breached else Outcome.CLEAR,
        Severity.CRITICAL if failed else Severity.WARNING,
        float(breached),
        summary=f"{place(gpu)} {what}",
        action=REMAP_FAILED_ACTION if failed else REMAP_ACTION,
        evidence=evidence(gpu),
    )


def judge_slowdown(history: GpuHistory, limits: Limits) -> Verdict | None:  # noqa: ARG001 - no limit to read
    """Breach while the hardware itself throttles, for heat or by the power brake."""
    gpu = history.gpu
    told = {cause: gpu.throttle[r] for r, cause in HARDWARE_SLOWDOWNS.items() if r in gpu.throttle}
    if not told:
        return None
    causes = " and ".join(cause for cause, active in told.items() if active)
    return Verdict(
        SLOWDOWN,
        Outcome.BREACH if causes else Outcome.CLEAR,
        Severity.WARNING,
        float(bool(causes)),
        summary=f"{place(gpu)} is slowed down by {causes}",
        evidence=evidence(gpu),
    )
