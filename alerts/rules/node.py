"""Rules about nodes: GPUs that are missing, and a process that answers no more."""

from __future__ import annotations

from alerts.model import Inventory, NodeObservation, Outcome, Severity, Verdict

LOST = "gpu_lost"
LOST_ACTION = (
    "Restart the jobs of the node elsewhere, then look at the kernel's log (dmesg | grep -i xid) "
    "and at the bus (lspci -d 10de:). A GPU that fell off the bus comes back with a reboot, better "
    "with powering the node off and on; one that does so again has a fault."
)
SILENT = "node_silent"
SILENT_ACTION = (
    "Nobody watches this node: its alerts stay as they were. Look whether the node is up and "
    "whether the tunewatch pod on it runs and can be reached."
)


def judge_lost(inventory: Inventory) -> Verdict:
    """Breach while fewer GPUs answer than the machine has."""
    missing, expected = inventory.missing, max(inventory.expected or 0, inventory.seen)
    uuids = ", ".join(filter(None, inventory.lost))
    named = f" ({uuids})" if uuids else ""
    return Verdict(
        LOST,
        Outcome.BREACH if missing else Outcome.CLEAR,
        Severity.CRITICAL,
        float(missing),
        0.0,
        f"{missing} of {expected} GPUs on {inventory.node} {'is' if missing == 1 else 'are'} "
        f"lost{named}",
        evidence={"expected": expected, "answering": inventory.seen - len(inventory.lost)},
    )


def judge_silence(node: NodeObservation, answered_at: float, now: float) -> Verdict:
    """Breach while a node process does not answer that did at `answered_at` (Unix seconds)."""
    if node.answering:
        return Verdict(SILENT, Outcome.CLEAR, value=0.0)
    seconds = now - answered_at
    reason = f": {node.reason}" if node.reason else ""
    return Verdict(
        SILENT,
        Outcome.BREACH,
        Severity.WARNING,
        seconds,
        None,
        f"the process on {node.node} has not answered for {seconds / 60:.0f} min{reason}",
        evidence={"address": node.address},
    )
