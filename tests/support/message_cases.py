"""One notice of each sort, as tests of wording, dress and arrival tell them."""

from __future__ import annotations

import math
from dataclasses import replace

from alerts.history.gpu import GpuHistory
from alerts.model import (
    AlertKey,
    GpuObservation,
    Inventory,
    NodeObservation,
    PodName,
    RunContext,
    Severity,
    SourceObservation,
    Subject,
    Transition,
    Verdict,
)
from alerts.notify import Kind, Message, Notice
from alerts.notify.message import compose, compose_digest, compose_group
from alerts.notify.notice import About
from alerts.rules import RULES, gpu_idle, node, xid
from alerts.thresholds import USER_THRESHOLDS, AlertSettings, LimitBook
from tests.support.notices import KEY, NOW, RUN_ID, notice, resolution, run_context, transition

NAN, INF = math.nan, math.inf
EVERYTHING = LimitBook(AlertSettings(thresholds=USER_THRESHOLDS)).of_fleet()
STOP = "Stop, and use the checkpoint of the best evaluation."
DASHBOARD = f"https://grafana.example/d/tunewatch-run?var-run_id={RUN_ID}"
GPU = GpuObservation("GPU-5d1f", 3, "node-a", 78 * 2**30, 80 * 2**30, NOW)


def key(rule: str, eval_set: str = "") -> AlertKey:
    return AlertKey(rule, KEY.subject, eval_set)


def in_pod() -> RunContext:
    """Return the run as it is known where it trains in a pod and its GPU is known too."""
    known = run_context(perplexity_task="task", gpus=(GPU,))
    tags = {"k8s.namespace": "ml", "k8s.pod": "overfit-3-x7k2p", "k8s.node": "node-a"}
    return replace(known, facts=replace(known.facts, tags=tags))


def gap(**changes: object) -> Transition:
    """Return a firing whose summary is that of the real rule."""
    found = transition(
        key=key("eval_loss_gap", "code"),
        value=0.3187,
        threshold=0.1,
        summary="validation loss 1.1 is 0.32 above the training loss 0.7813",
        action="Generalisation gap: regularise more, train fewer epochs, or add data.",
        evidence={"eval_loss": 1.1, "train_mean": 0.7813},
        step=48,
        epoch=2.0,
        at=NOW - 5400,
        seen_at=NOW - 5400,
    )
    return replace(found, **changes)  # type: ignore[arg-type] # any field of Transition


RISING = notice(
    evidence={"eval_loss": 1.1, "rise": 0.2, "best_eval_loss": 0.9, "best_eval_step": 72},
    summary="validation loss rose 3 times in a row, to 1.1",
    action=STOP,
    seen_at=NOW + 4,
    current=3.0,
)
FIRING = replace(
    RISING,
    about=in_pod(),
    resolves_when="the validation loss does not rise from one evaluation to the next",
    dashboard_url=DASHBOARD,
)
NOT_FINITE = Notice(
    Kind.FIRING,
    transition(
        key=key("nonfinite"),
        severity=Severity.CRITICAL,
        value=1.0,
        threshold=None,
        summary="not finite at step 130: grad_norm",
        action="Stop: the weights are lost. Restart from the last finite checkpoint.",
    ),
    run_context(
        train_tail=(1.0, 900.0, INF, NAN),
        eval_tail=(),
        loss=800.0,
        eval_loss=NAN,
        grad_norm=NAN,
        resumed_at=100,
        perplexity_task="lm",
    ),
    "20 finite training points in a row have come",
    "flag",
)
ENDED = resolution(
    summary=RISING.transition.summary, at=NOW + 7500, seen_at=NOW, step=192, epoch=8.0
)


def gpu_notice(index: int, pct: float, severity: Severity = Severity.WARNING) -> Notice:
    used = int(80 * 2**30 * pct / 100)
    about = GpuObservation(f"GPU-{index}", index, "node-a", used, 80 * 2**30, NOW)
    told = transition(
        key=AlertKey("gpu_memory_high", Subject("gpu", about.uuid, "node-a")),
        severity=severity,
        value=pct,
        threshold=95.0,
        step=None,
        epoch=None,
        summary=f"memory of GPU {index} on node-a is {pct:.1f} % full",
        action="Lower the per-device batch size, or checkpoint activations.",
    )
    end = "no more of the memory is used than the threshold allows"
    return Notice(Kind.FIRING, told, about, end, "%")


def gpu_of_run(index: int) -> Notice:
    """Return news of a GPU of which it is known who trains on it, and in which pod."""
    told, run = gpu_notice(index, 97.5), in_pod().facts
    assert isinstance(told.about, GpuObservation)
    pod = PodName("ml", "overfit-3-x7k2p")
    return replace(told, about=replace(told.about, runs=(run.run_id,), pods=(pod,)), runs=(run,))


def judged(verdict: Verdict | None, whom: Subject, about: About, **changes: object) -> Notice:
    """Return the firing of a rule about a machine as the rule itself words it."""
    assert verdict is not None
    rule = RULES[verdict.rule]
    told = transition(
        key=AlertKey(verdict.rule, whom),
        severity=verdict.severity,
        value=verdict.value,
        threshold=verdict.threshold,
        step=None,
        epoch=None,
        summary=verdict.summary,
        action=verdict.action or rule.action,
        evidence=verdict.evidence,
    )
    told = replace(told, **changes)  # type: ignore[arg-type] # any field of Transition
    return Notice(Kind.FIRING, told, about, rule.resolves, rule.unit)


SICK = replace(GPU, xid_at={79: NOW - 5}, utilization=3.0, runs=(RUN_ID,))
RACK = Inventory("node-a", 8, 7, ("GPU-5d1f",), NOW)
MUTE = NodeObservation("node-a", "10.1.2.3:10390", answering=False, reason="no answer within 2 s")
NODE_A = Subject.of_node("node-a")
SICK_GPU = Subject("gpu", SICK.uuid, SICK.node)


def reported() -> Notice:
    history = GpuHistory(SICK, SICK.xid_at)
    return judged(xid.judge(history, EVERYTHING), SICK_GPU, SICK, at=NOW - 5, seen_at=NOW)


def idle() -> Notice:
    history = GpuHistory(SICK)
    for seconds in range(0, 1000, 10):
        at = NOW - 1000 + seconds
        history.note(replace(SICK, observed_at=at, busy_seconds=seconds / 50), 900.0)
    return judged(gpu_idle.judge(history, EVERYTHING), SICK_GPU, SICK)


NOTICES = {
    "firing": FIRING,
    "already_so": notice(already_so=True, seen_at=NOW + 9000),
    "seen_late": notice(seen_at=NOW + 2 * 3600 + 300),
    "meanwhile": Notice(Kind.FIRING, gap(current=-0.0634), in_pod()),
    "escalated": notice(Kind.ESCALATED, severity=Severity.CRITICAL),
    "repeated": notice(Kind.REPEATED),
    "resolved": Notice(Kind.RESOLVED, ENDED, in_pod(), dashboard_url=DASHBOARD),
    "run_ended": Notice(Kind.RESOLVED, resolution(reason="run_ended", at=NOW + 60), in_pod()),
    "fired_and_resolved": Notice(Kind.FIRED_AND_RESOLVED, ENDED, run_context()),
    "event": Notice(
        Kind.EVENT,
        transition(
            key=key("run_failed"),
            event=True,
            severity=Severity.CRITICAL,
            value=None,
            threshold=None,
            summary="the run FAILED",
            action="Read the traceback in the job's log, then resume from the last checkpoint.",
        ),
        replace(in_pod(), checkpoint="", best_eval=None),
    ),
    "not_finite": NOT_FINITE,
    "stalled": Notice(
        Kind.FIRING,
        transition(
            key=key("run_stalled"),
            severity=Severity.CRITICAL,
            value=4500.0,
            threshold=600.0,
            summary="nothing new for 75 min, the run is still marked RUNNING",
            action="Look whether the training process still lives (logs, nvidia-smi).",
        ),
        in_pod(),
        "the run logs anything again",
        "s",
    ),
    "gpu": gpu_notice(3, 97.5),
    "gpu_of_run": gpu_of_run(3),
    "xid": reported(),
    "idle": idle(),
    "lost": judged(node.judge_lost(RACK), NODE_A, RACK),
    "silent": judged(node.judge_silence(MUTE, NOW - 330, NOW), NODE_A, MUTE),
    "gone": Notice(
        Kind.RESOLVED,
        replace(
            gpu_notice(3, 97.5).transition,
            state="resolved",
            reason="gone",
            at=NOW + 7500,
            seen_at=NOW,
        ),
        gpu_notice(3, 97.5).about,
        unit="%",
    ),
    "source": Notice(
        Kind.FIRING,
        transition(
            key=AlertKey("source_down", Subject("source", "mlflow", "node-a")),
            value=360.0,
            threshold=None,
            step=None,
            epoch=None,
            summary="mlflow on node-a has been down for 6 min: timed out",
            action="Nothing can be judged from this source until it answers again.",
        ),
        SourceObservation("mlflow", "", up=False, expected=True, reason="timed out"),
        "the source answers again",
        "s",
    ),
}
OF_A_RUN = (
    replace(FIRING, transition=replace(FIRING.transition, severity=Severity.WARNING)),
    replace(FIRING, transition=gap(), resolves_when=""),
    Notice(
        Kind.ESCALATED,
        transition(
            key=key("overfitting"),
            severity=Severity.CRITICAL,
            value=None,
            threshold=None,
            summary="training loss falls while validation loss rises",
            action=STOP,
        ),
        in_pod(),
        "the validation loss is within 0.01 of its best",
        dashboard_url=DASHBOARD,
    ),
    Notice(Kind.RESOLVED, resolution(key=key("plateau"), severity=Severity.INFO), in_pod()),
)
OF_A_NODE = tuple(gpu_notice(index, 95.5 + index / 2) for index in range(4))
COUNTS = {
    ("eval_loss_rising", "warning"): 12,
    ("plateau", "info"): 30,
    ("eval_loss_gap", "warning"): 3,
}


def messages() -> dict[str, Message]:
    """Return every message that has a golden file, by name."""
    return {
        **{name: compose(told) for name, told in NOTICES.items()},
        "group_run": compose_group(OF_A_RUN),
        "group_node": compose_group(OF_A_NODE),
        "group_node_of_run": compose_group((gpu_of_run(3), gpu_of_run(2))),
        "digest": compose_digest("team-slack", COUNTS, NOW),
    }
