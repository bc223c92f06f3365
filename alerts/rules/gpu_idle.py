"""`gpu_idle_while_training`: a run trains on this GPU, which has nearly nothing to do."""

from __future__ import annotations

from alerts.history.gpu import GpuHistory
from alerts.model import Outcome, Severity, Verdict
from alerts.rules.gpu import evidence, place
from alerts.thresholds import Limits

NAME = "gpu_idle_while_training"
ACTION = (
    "The GPU waits: for data (more dataloader workers, data on a local disk, tokenise beforehand), "
    "for other processes of the run, or for one that hangs (py-spy dump --pid PID shows where)."
)


def judge(history: GpuHistory, limits: Limits) -> Verdict | None:
    """Compare the busy share of the window with the limit, once a run has been here for as long.

    Nothing where nobody knows who trains here; does not apply while no live run does.
    """
    gpu, tuning = history.gpu, limits.rules.gpu_idle_while_training
    if gpu.runs is None:
        return None
    if not gpu.runs:
        return Verdict(NAME, Outcome.NOT_APPLICABLE)
    share = history.busy_share(tuning.window)
    if share is None or history.trained_for() < tuning.window:
        return Verdict(NAME, Outcome.UNKNOWN)
    pct = 100 * share
    whose = ", ".join(gpu.runs)
    return Verdict(
        NAME,
        Outcome.BREACH if pct < tuning.busy_pct else Outcome.CLEAR,
        Severity.WARNING,
        pct,
        tuning.busy_pct,
        f"{place(gpu)} was {pct:.1f} % busy over the last {tuning.window / 60:g} min while a run "
        "trains on it",
        evidence={**evidence(gpu), "run": whose},
    )
