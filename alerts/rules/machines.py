"""The rows of the table of rules that are about GPUs, nodes and sources."""

from __future__ import annotations

from collections.abc import Callable

from alerts.history.gpu import GpuHistory
from alerts.model import Severity, Verdict
from alerts.rules import gpu, gpu_idle, node, source, xid
from alerts.rules.rule import Rule
from alerts.thresholds import Limits
from alerts.xids import ACTION as XID_ACTION

GpuJudge = Callable[[GpuHistory, Limits], Verdict | None]
"""A rule about GPUs; None says that it has nothing to say of this one."""

RULES: tuple[Rule, ...] = (
    Rule(
        xid.NAME,
        XID_ACTION,
        "gpu",
        resolves="no such error has come for as long as rules.gpu_xid.quiet says (an hour)",
        unit="flag",
        severities=(Severity.WARNING, Severity.CRITICAL),
    ),
    Rule(
        gpu.ECC,
        gpu.ECC_ACTION,
        "gpu",
        resolves="a reset of the GPU has cleared the counter",
        severities=(Severity.CRITICAL,),
    ),
    Rule(
        gpu.REMAP,
        gpu.REMAP_ACTION,
        "gpu",
        resolves="a reset has replaced the rows, or the board is replaced",
        unit="flag",
        severities=(Severity.WARNING, Severity.CRITICAL),
    ),
    Rule(
        node.LOST,
        node.LOST_ACTION,
        "node",
        hold_for=120.0,
        resolves="all GPUs of the node answer again",
        repeat_every=86_400.0,
        repeat_growth=1.0,
        severities=(Severity.CRITICAL,),
    ),
    Rule(
        gpu.SLOWDOWN,
        gpu.SLOWDOWN_ACTION,
        "gpu",
        hold_for=300.0,
        resolves="the hardware lets the clocks rise again",
        unit="flag",
        severities=(Severity.WARNING,),
    ),
    Rule(
        gpu_idle.NAME,
        gpu_idle.ACTION,
        "gpu",
        resolves="the GPU is busy again, or no run trains on it any more",
        unit="%",
        severities=(Severity.WARNING,),
    ),
    Rule(
        gpu.MEMORY,
        gpu.MEMORY_ACTION,
        "gpu",
        "max_gpu_memory_pct",
        hold_for=120.0,
        resolves="no more of the memory is used than the threshold allows",
        unit="%",
        repeat_growth=2.0,
        severities=(Severity.WARNING,),
    ),
    Rule(
        source.NAME,
        source.ACTION,
        "source",
        hold_for=300.0,
        resolves="the source answers again",
        unit="s",
        severities=(Severity.WARNING, Severity.CRITICAL),
    ),
    Rule(
        node.SILENT,
        node.SILENT_ACTION,
        "node",
        hold_for=300.0,
        resolves="the process on the node answers again",
        unit="s",
        severities=(Severity.WARNING,),
    ),
)
"""In the order in which people read them."""

ON_GPU: tuple[GpuJudge, ...] = (
    xid.judge,
    gpu.judge_ecc,
    gpu.judge_remap,
    gpu.judge_slowdown,
    gpu_idle.judge,
    gpu.judge_memory,
)
"""Judged at every reading of a GPU."""

ABOUT_GPUS = frozenset(rule.name for rule in RULES if rule.about == "gpu") | {node.LOST}
"""What cannot be judged while the GPUs of a node cannot be read."""
