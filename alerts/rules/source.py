"""`source_down`: a source that was configured, or has been up, cannot be read."""

from __future__ import annotations

from alerts.model import Outcome, Severity, SourceObservation, Verdict

NAME = "source_down"
ACTION = "Nothing can be judged from this source until it answers again; see the reason."
CLUSTER_WIDE = frozenset({"mlflow", "nodes"})
"""Sources that the holder of the run role reads for all: they have no node, and the next holder's
are the same.
"""
CRITICAL_AFTER = 1800.0
"""Seconds down after which the warning becomes critical."""


def judge(source: SourceObservation, down_since: float | None, now: float) -> Verdict | None:
    """Breach while an expected source is down; `down_since` is Unix seconds by the daemon.

    One that was released on purpose is not down.
    """
    if not source.expected:
        return None
    if source.up or source.released or down_since is None:
        return Verdict(NAME, Outcome.CLEAR, value=0.0)
    seconds = now - down_since
    where = f" on {source.node}" if source.node else ""
    reason = f": {source.reason}" if source.reason else ""
    return Verdict(
        NAME,
        Outcome.BREACH,
        Severity.CRITICAL if seconds >= CRITICAL_AFTER else Severity.WARNING,
        seconds,
        None,
        f"{source.source}{where} has been down for {seconds / 60:.0f} min{reason}",
    )
