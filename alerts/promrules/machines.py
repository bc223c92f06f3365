"""Rules about GPUs, nodes and sources as PromQL, on what every process exports of its machine.

In a cluster the processes of the nodes export it, and Prometheus knows the node of each: the rules
fire whoever holds the run role.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from alerts import signals
from alerts.model import Severity
from alerts.promrules.promql import duration, max_by, none_of, number, one_of, selector
from alerts.rules import gpu, gpu_idle, node, source, threshold, xid
from alerts.thresholds import GpuTuning, Limits

GPU = ("gpu", "uuid", "node")
NODE = ("node",)
SOURCE = ("source", "node")
LOOKBACK = "5m"
"""For how long what gives no reading keeps its last one, as alerts of the daemon do."""

Grades = Mapping[Severity, str]
"""The expression of each severity that a rule may have; the mildest holds in every breach."""


def _not_ignored(limits: Limits, rule: str, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the matchers that leave out the GPUs and nodes of the `ignore` globs."""
    tuning = limits.rules.tuning(rule)
    globs = tuning.ignore if isinstance(tuning, GpuTuning) else ()
    return tuple(none_of(label, globs) for label in labels)


def _of_gpus(limits: Limits, rule: str, metric: str, *matchers: str) -> str:
    """Return the newest number of each GPU that a rule judges, the largest of its series."""
    return max_by(GPU, _newest(limits, rule, metric, *matchers))


def _newest(limits: Limits, rule: str, metric: str, *matchers: str) -> str:
    ignored = _not_ignored(limits, rule, ("uuid", "node"))
    return f"last_over_time({selector(metric, *matchers, *ignored)}[{LOOKBACK}])"


def _xid(limits: Limits) -> Grades:
    tuning = limits.rules.gpu_xid
    return {
        Severity.WARNING: _xids(limits, [*tuning.critical, *tuning.warning]),
        Severity.CRITICAL: _xids(limits, tuning.critical),
    }


def _xids(limits: Limits, codes: Sequence[int]) -> str:
    """Return when a GPU has lately reported one of these codes.

    A process that began anew has forgotten it, so what was scraped before counts as well.
    """
    quiet = limits.rules.gpu_xid.quiet
    listed = one_of("xid", [str(code) for code in sorted(set(codes))])
    ignored = _not_ignored(limits, xid.NAME, ("uuid", "node"))
    reported = selector(signals.GPU_XID_AT, listed, *ignored)
    at = max_by(GPU, f"max_over_time({reported}[{duration(quiet)}])")
    return f"{at} > time() - {number(quiet)}"


def _ecc(limits: Limits) -> Grades:
    errors = _of_gpus(limits, gpu.ECC, signals.GPU_ECC, 'kind="uncorrected"')
    return {Severity.CRITICAL: f"{errors} > 0"}


def _remap(limits: Limits) -> Grades:
    # A GPU that tells one of the two tells both.
    pending, failure = (
        _of_gpus(limits, gpu.REMAP, metric)
        for metric in (signals.GPU_REMAP_PENDING, signals.GPU_REMAP_FAILURE)
    )
    return {
        Severity.WARNING: f"{pending}\n+ {failure}\n> 0",
        Severity.CRITICAL: f"{failure} > 0",
    }


def _slowdown(limits: Limits) -> Grades:
    reasons = one_of("reason", sorted(gpu.HARDWARE_SLOWDOWNS))
    active = _of_gpus(limits, gpu.SLOWDOWN, signals.GPU_THROTTLE, reasons)
    return {Severity.WARNING: f"{active} > 0"}


def _memory(limits: Limits) -> Grades:
    """Judge a GPU that is divided part by part instead of as a whole."""
    used, used_part, total, total_part = (
        _newest(limits, gpu.MEMORY, metric)
        for metric in (
            signals.GPU_MEMORY_USED,
            signals.MIG_MEMORY_USED,
            signals.GPU_MEMORY_TOTAL,
            signals.MIG_MEMORY_TOTAL,
        )
    )
    divided = f"(last_over_time({signals.GPU_MIG_MODE}[{LOOKBACK}]) == 1)"
    used = max_by(GPU, f"{used} or {used_part}")
    total = max_by(GPU, f"{total} unless on (uuid, node) {divided} or {total_part}")
    limit = number(threshold(gpu.MEMORY, limits) or 0)
    return {Severity.WARNING: f"100 * {used}\n/ {total}\n> {limit}"}


def _idle(limits: Limits) -> Grades:
    """Compare what the holder of the run role says, who alone knows which run trains where."""
    known = _of_gpus(limits, gpu_idle.NAME, signals.GPU_INFO)
    busy = max_by(["uuid"], signals.GPU_TRAINING_BUSY)
    limit = number(limits.rules.gpu_idle_while_training.busy_pct)
    return {Severity.WARNING: f"{known}\n* on (uuid) group_left () {busy}\n< {limit}"}


def _lost(limits: Limits) -> Grades:
    missing = selector(signals.GPUS_MISSING, *_not_ignored(limits, node.LOST, NODE))
    return {Severity.CRITICAL: f"{max_by(NODE, f'last_over_time({missing}[{LOOKBACK}])')} > 0"}


def _silent(limits: Limits) -> Grades:
    tuning = limits.rules.node_silent
    up = selector(signals.PEER_UP, none_of("peer", tuning.ignore))
    # The label `node` of a scrape is where the asking process runs, not where the silent one does.
    named = max_by(NODE, f'label_replace({up}, "node", "$1", "peer", "(.*)")')
    return {Severity.WARNING: f"{named} == 0"}


def _down(limits: Limits) -> Grades:  # noqa: ARG001 - no limit to read
    shared = sorted(source.CLUSTER_WIDE)
    there, here = (
        f"{selector(signals.SOURCE_EXPECTED, matcher)} unless {signals.SOURCE_UP} == 1"
        for matcher in (one_of("source", shared), none_of("source", shared))
    )
    expr = f"({max_by(SOURCE, here)}\nor {max_by(['source'], there)})\n== 1"
    return {Severity.WARNING: expr, Severity.CRITICAL: expr}


GRADES: Mapping[str, Callable[[Limits], Grades]] = {
    xid.NAME: _xid,
    gpu.ECC: _ecc,
    gpu.REMAP: _remap,
    node.LOST: _lost,
    gpu.SLOWDOWN: _slowdown,
    gpu_idle.NAME: _idle,
    gpu.MEMORY: _memory,
    source.NAME: _down,
    node.SILENT: _silent,
}
"""From each rule that is about no run to its expressions."""

WAITS: Mapping[str, Mapping[Severity, float]] = {
    source.NAME: {Severity.CRITICAL: source.CRITICAL_AFTER},
}
"""Seconds after which a rule is graver, where that is all there is to it."""
