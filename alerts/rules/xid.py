"""`gpu_xid`: the driver reported an error of a GPU, by its code."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from alerts.history.gpu import GpuHistory
from alerts.model import Outcome, Severity, Verdict
from alerts.rules.gpu import evidence, place
from alerts.thresholds import Limits
from alerts.xids import ACTION, XIDS

NAME = "gpu_xid"


def judge(history: GpuHistory, limits: Limits) -> Verdict:
    """Breach for `quiet` seconds after the last listed code; dated by the newest of the gravest."""
    gpu, tuning = history.gpu, limits.rules.gpu_xid
    since = gpu.observed_at - tuning.quiet
    recent = {code: at for code, at in history.xid_at.items() if at > since}
    critical, warning = (_newest(codes, recent) for codes in (tuning.critical, tuning.warning))
    told = list(dict.fromkeys([*critical, *warning]))
    if not told:
        return Verdict(NAME, Outcome.CLEAR, value=0.0)
    return Verdict(
        NAME,
        Outcome.BREACH,
        Severity.CRITICAL if critical else Severity.WARNING,
        float(len(told)),
        summary=f"{place(gpu)} reported {' and '.join(map(_called, told))}",
        action=XIDS[told[0]].action if told[0] in XIDS else ACTION,
        evidence={**evidence(gpu), "xid": ", ".join(map(str, told))},
        at=recent[told[0]],
    )


def _newest(codes: Collection[int], recent: Mapping[int, float]) -> list[int]:
    """Return those of the codes that came lately, the newest first."""
    return sorted(recent.keys() & set(codes), key=lambda code: (-recent[code], code))


def _called(code: int) -> str:
    return f"Xid {code} ({XIDS[code].meaning})" if code in XIDS else f"Xid {code}"
