"""GPUs, sources and nodes under watch: their alerts, moved by readings and by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from alerts import state
from alerts.history.gpu import GpuHistory
from alerts.inhibition import inhibitor
from alerts.model import (
    AlertKey,
    GpuObservation,
    Inventory,
    NodeObservation,
    Observations,
    Outcome,
    ResolveReason,
    SourceObservation,
    Subject,
    Transition,
    Verdict,
)
from alerts.presence import Presence
from alerts.rules import RULES, gpu_idle, is_on
from alerts.rules.machines import ABOUT_GPUS, ON_GPU
from alerts.rules.node import judge_lost, judge_silence
from alerts.rules.source import judge as judge_source
from alerts.state import Alert, Policy
from alerts.thresholds import GpuTuning, Limits

FORGOTTEN_AFTER = 7 * 86_400.0
"""Seconds after which alerts that have ended about what is no more are forgotten: all is told."""

OLDEST_READING = 600.0
"""Seconds by which a reading may be behind now; what is further off was read by another clock."""


class Fleet:
    """The alerts that are not about runs; missing readings hold them as they are."""

    def __init__(self) -> None:
        self.alerts: dict[AlertKey, Alert] = {}
        self.seen: dict[
            Subject, GpuObservation | SourceObservation | Inventory | NodeObservation
        ] = {}
        """The newest observation of each subject."""
        self._presence = Presence()
        self._down_since: dict[Subject, float] = {}
        self._gpus: dict[Subject, GpuHistory] = {}
        self._xids: dict[Subject, Mapping[int, float]] = {}
        """Those of a former process, of GPUs that have not been seen since."""
        self._busy: dict[Subject, float] = {}

    def observe(self, seen: Observations, limits: Limits, now: float) -> list[Transition]:
        """Judge what was read, sources first since they may make other alerts redundant."""
        told: list[Transition] = []
        for source in seen.sources:
            told += self._source(source, limits, now)
        for node in seen.nodes or ():
            told += self._node(node, limits, now)
        for inventory in seen.inventories:
            told += self._inventory(inventory, limits, now)
        for gpu in seen.gpus or ():
            told += self._gpu(gpu, limits, now)
        if seen.nodes is not None:
            self._presence.roll_call([node.node for node in seen.nodes], now)
        return [self._inhibited(transition) for transition in told]

    def tick(self, limits: Limits, now: float) -> list[Transition]:
        """Let time pass: resolve what has been gone for long enough, or whose rule is off."""
        told: list[Transition] = []
        for key, alert in list(self.alerts.items()):
            if alert.state == "resolved":
                continue
            if not _is_judged(key, limits):
                told += self._close(alert, "rule_removed", now)
            elif over := self._presence.over(key.subject, now):
                told += self._close(alert, over, now)
            else:
                self.alerts[key], transition = state.expire(alert, _policy(key.rule, limits), now)
                told += [transition] if transition else []
        self._forget(now)
        self._inhibit_anew()
        return told

    def _close(self, alert: Alert, reason: ResolveReason, now: float) -> list[Transition]:
        if alert.state == "firing":
            self.alerts[alert.key], transition = state.resolve(alert, reason, now)
            return [transition]
        self.alerts[alert.key] = state.withdraw(alert)
        return []

    def _forget(self, now: float) -> None:
        for subject in self._presence.forget(now, keep={key.subject for key in self.alerts}):
            for known in (self.seen, self._gpus, self._xids, self._busy, self._down_since):
                known.pop(subject, None)
        for key, alert in list(self.alerts.items()):
            ended = alert.active_since if alert.resolved_at is None else alert.resolved_at
            is_old = alert.state == "resolved" and now - ended >= FORGOTTEN_AFTER
            if is_old and not self._presence.knows(key.subject):
                del self.alerts[key]

    def _inhibit_anew(self) -> None:
        firing = self.firing()
        for key in firing:
            by = inhibitor(key, firing)
            if by != self.alerts[key].inhibited_by:
                self.alerts[key] = replace(self.alerts[key], inhibited_by=by)

    def firing(self) -> list[AlertKey]:
        """Return the keys of the alerts that fire now."""
        return [key for key, alert in self.alerts.items() if alert.state == "firing"]

    def training_busy(self, limits: Limits) -> Mapping[Subject, float]:
        """Return how busy (percent) each GPU is that a run trains on, as judged last.

        What a former process judged holds until this one can tell.
        """
        alerts = (alert for alert in self.alerts.values() if alert.state == "firing")
        held = {a.key.subject: a.current for a in alerts if a.key.rule == gpu_idle.NAME}
        known = {subject: pct for subject, pct in held.items() if pct is not None} | self._busy
        return {
            subject: pct
            for subject, pct in known.items()
            if _is_judged(AlertKey(gpu_idle.NAME, subject), limits)
        }

    def gpus_of(self, run_id: str) -> tuple[GpuObservation, ...]:
        """Return the GPUs that a run trains on, as they were seen last."""
        newest = (history.gpu for history in self._gpus.values())
        return tuple(gpu for gpu in newest if gpu.runs is not None and run_id in gpu.runs)

    def devices_by_run(self) -> Mapping[str, tuple[str, ...]]:
        """Return the uuids of the GPUs and MIG instances that each live run trains on, by its id.

        A GPU of which a run has an instance only is not among them.
        """
        newest = [history.gpu for history in self._gpus.values()]
        divided = {(run_id, gpu.parent) for gpu in newest for run_id in gpu.runs or ()}
        devices: dict[str, dict[str, None]] = {}
        for gpu in newest:
            for run_id in gpu.runs or ():
                if (run_id, gpu.uuid) not in divided:
                    # A GPU that has moved is known of two nodes for a while.
                    devices.setdefault(run_id, {})[gpu.uuid] = None
        return {run_id: tuple(uuids) for run_id, uuids in devices.items()}

    def _source(self, source: SourceObservation, limits: Limits, now: float) -> list[Transition]:
        subject = Subject("source", source.source, source.node)
        self.seen[subject] = source
        self._presence.hear(subject, now)
        if source.up or source.released:
            self._down_since.pop(subject, None)
            since = None
        else:
            # A clock that was set back must not make an outage shorter than it is.
            since = min(self._down_since.get(subject, now), now)
            self._down_since[subject] = since
        return self._move(judge_source(source, since, now), subject, limits, now)

    def _node(self, node: NodeObservation, limits: Limits, now: float) -> list[Transition]:
        if node.answering:
            self._presence.answer(node.node, now)
            self._presence.hear(Subject.of_node(node.node), now)
        answered_at = self._presence.answered_at(node.node)
        if answered_at is None:
            return []
        subject = Subject.of_node(node.node)
        self.seen[subject] = node
        return self._move(judge_silence(node, answered_at, now), subject, limits, now)

    def _inventory(self, inventory: Inventory, limits: Limits, now: float) -> list[Transition]:
        subject = Subject.of_node(inventory.node)
        self.seen[subject] = inventory
        self._presence.hear(subject, now)
        if not inventory.missing:
            self._presence.complete(inventory.node, now)
        return self._move(judge_lost(inventory), subject, limits, now)

    def _gpu(self, gpu: GpuObservation, limits: Limits, now: float) -> list[Transition]:
        subject = Subject("gpu", gpu.uuid, gpu.node)
        self.seen[subject] = gpu
        self._presence.hear(subject, now)
        history = self._gpus.get(subject)
        if history is None:
            history = self._gpus[subject] = GpuHistory(gpu, self._xids.pop(subject, None))
        elif history.gpu == gpu and not self._is_pending(subject):
            # A reading that was judged before says nothing new, but to what waits for its time.
            return []
        history.note(gpu, limits.rules.gpu_idle_while_training.window)
        told: list[Transition] = []
        for judge in ON_GPU:
            verdict = _by_our_clock(judge(history, limits), gpu, now)
            told += self._move(verdict, subject, limits, now)
        return told

    def _is_pending(self, subject: Subject) -> bool:
        alerts = (self.alerts.get(AlertKey(rule, subject)) for rule in ABOUT_GPUS)
        return any(alert is not None and alert.state == "pending" for alert in alerts)

    def _move(
        self, verdict: Verdict | None, subject: Subject, limits: Limits, now: float
    ) -> list[Transition]:
        if verdict is None:
            return []
        key = AlertKey(verdict.rule, subject)
        self._note_busy(verdict, subject)
        if not _is_judged(key, limits):
            return []
        before = self.alerts.get(key)
        if verdict.outcome is Outcome.NOT_APPLICABLE:
            # Only the rule about training says so, of a GPU on which no run trains any more.
            ends = before is not None and before.state != "resolved"
            return self._close(before, "run_ended", now) if before and ends else []
        at = now if verdict.at is None else min(verdict.at, now)
        after, told = state.advance(before, key, verdict, _policy(verdict.rule, limits), at, now)
        if after is None:
            self.alerts.pop(key, None)
        else:
            self.alerts[key] = after
        return [told] if told else []

    def _note_busy(self, verdict: Verdict, subject: Subject) -> None:
        if verdict.rule != gpu_idle.NAME:
            return
        if verdict.value is not None:
            self._busy[subject] = verdict.value
        elif verdict.outcome is Outcome.NOT_APPLICABLE:
            self._busy.pop(subject, None)

    def _inhibited(self, transition: Transition) -> Transition:
        if transition.state != "firing":
            return transition
        by = inhibitor(transition.key, self.firing())
        self.alerts[transition.key] = replace(self.alerts[transition.key], inhibited_by=by)
        return replace(transition, inhibited_by=by)

    def to_document(self) -> dict[str, Any]:
        """Return plain data for the state document."""
        open_alerts = (alert for alert in self.alerts.values() if alert.state != "resolved")
        xids = self._xids | {subject: history.xid_at for subject, history in self._gpus.items()}
        return {
            "alerts": [state.to_document(alert) for alert in self.alerts.values()],
            "down_since": [[*subject, since] for subject, since in self._down_since.items()],
            "xids": [[*subject, [*at.items()]] for subject, at in xids.items() if at],
            **self._presence.to_document({alert.key.subject for alert in open_alerts}),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Fleet:
        """Rebuild the fleet from `to_document`; alerts of rules that are gone are dropped."""
        fleet = cls()
        alerts = [state.from_document(alert) for alert in document["alerts"]]
        fleet.alerts = {alert.key: alert for alert in alerts if alert.key.rule in RULES}
        for kind, name, node, since in document["down_since"]:
            fleet._down_since[Subject(kind, name, node)] = since
        for kind, name, node, times in document.get("xids", ()):
            fleet._xids[Subject(kind, name, node)] = {int(code): at for code, at in times}
        fleet._presence = Presence.from_document(document)
        return fleet


def _by_our_clock(verdict: Verdict | None, gpu: GpuObservation, now: float) -> Verdict | None:
    """Date a verdict by our clock, where that of the GPU's machine is off."""
    behind = now - gpu.observed_at
    if verdict is None or verdict.at is None or abs(behind) <= OLDEST_READING:
        return verdict
    return replace(verdict, at=verdict.at + behind)


def _is_judged(key: AlertKey, limits: Limits) -> bool:
    """Whether the rule is on, and not told to ignore the GPU or its node."""
    tuning = limits.rules.tuning(key.rule)
    globs = tuning.ignore if isinstance(tuning, GpuTuning) else ()
    ignored = any(fnmatchcase(name, glob) for name in key.subject[1:] for glob in globs)
    return is_on(key.rule, limits) and not ignored


def _policy(rule: str, limits: Limits) -> Policy:
    return Policy.of(RULES[rule], limits.rules.tuning(rule))
