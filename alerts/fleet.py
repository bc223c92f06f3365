"""GPUs and sources under watch: their alerts, moved by readings and by the clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from alerts import state
from alerts.inhibition import inhibitor
from alerts.model import AlertKey, GpuObservation, SourceObservation, Subject, Transition, Verdict
from alerts.rules import RULES, is_on
from alerts.rules.gpu import judge_memory
from alerts.rules.source import judge as judge_source
from alerts.state import Alert, Policy
from alerts.thresholds import GpuTuning, Limits


class Fleet:
    """The alerts that are not about runs; missing readings hold them as they are."""

    def __init__(self) -> None:
        self.alerts: dict[AlertKey, Alert] = {}
        self.seen: dict[Subject, GpuObservation | SourceObservation] = {}
        """The newest observation of each subject."""
        self._down_since: dict[Subject, float] = {}

    def observe(
        self,
        gpus: Iterable[GpuObservation],
        sources: Iterable[SourceObservation],
        limits: Limits,
        now: float,
    ) -> list[Transition]:
        """Judge what was read, sources first since they may make other alerts redundant."""
        told: list[Transition] = []
        for source in sources:
            told += self._source(source, limits, now)
        for gpu in gpus:
            told += self._gpu(gpu, limits, now)
        return [self._inhibited(transition) for transition in told]

    def tick(self, limits: Limits, now: float) -> list[Transition]:
        """Let time pass: resolve what has been gone for long enough, or whose rule is off."""
        told: list[Transition] = []
        transition: Transition | None
        for key, alert in list(self.alerts.items()):
            if _is_judged(key, limits):
                policy = _policy(key.rule, limits)
                self.alerts[key], transition = state.expire(alert, policy, now)
            elif alert.state == "firing":
                self.alerts[key], transition = state.resolve(alert, "rule_removed", now)
            elif alert.state == "pending":
                self.alerts[key], transition = state.withdraw(alert), None
            else:
                transition = None
            told += [transition] if transition else []
        self._inhibit_anew()
        return told

    def _inhibit_anew(self) -> None:
        firing = self.firing()
        for key in firing:
            by = inhibitor(key, firing)
            if by != self.alerts[key].inhibited_by:
                self.alerts[key] = replace(self.alerts[key], inhibited_by=by)

    def firing(self) -> list[AlertKey]:
        """Return the keys of the alerts that fire now."""
        return [key for key, alert in self.alerts.items() if alert.state == "firing"]

    def _source(self, source: SourceObservation, limits: Limits, now: float) -> list[Transition]:
        subject = Subject("source", source.source, source.node)
        self.seen[subject] = source
        if source.up:
            self._down_since.pop(subject, None)
        since = None if source.up else self._down_since.setdefault(subject, now)
        verdict = judge_source(source, since, now)
        if verdict is None:
            return []
        return self._move(verdict, subject, limits, now)

    def _gpu(self, gpu: GpuObservation, limits: Limits, now: float) -> list[Transition]:
        subject = Subject("gpu", gpu.uuid, gpu.node)
        self.seen[subject] = gpu
        verdict = judge_memory(gpu, limits)
        return [] if verdict is None else self._move(verdict, subject, limits, now)

    def _move(
        self, verdict: Verdict, subject: Subject, limits: Limits, now: float
    ) -> list[Transition]:
        key = AlertKey(verdict.rule, subject)
        if not _is_judged(key, limits):
            return []
        policy = _policy(verdict.rule, limits)
        after, told = state.advance(self.alerts.get(key), key, verdict, policy, now, now)
        if after is None:
            self.alerts.pop(key, None)
        else:
            self.alerts[key] = after
        return [told] if told else []

    def _inhibited(self, transition: Transition) -> Transition:
        if transition.state != "firing":
            return transition
        by = inhibitor(transition.key, self.firing())
        self.alerts[transition.key] = replace(self.alerts[transition.key], inhibited_by=by)
        return replace(transition, inhibited_by=by)

    def to_document(self) -> dict[str, Any]:
        """Return plain data for the state document."""
        return {
            "alerts": [state.to_document(alert) for alert in self.alerts.values()],
            "down_since": [[*subject, since] for subject, since in self._down_since.items()],
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Fleet:
        """Rebuild the fleet from `to_document`; alerts of rules that are gone are dropped."""
        fleet = cls()
        alerts = [state.from_document(alert) for alert in document["alerts"]]
        fleet.alerts = {alert.key: alert for alert in alerts if alert.key.rule in RULES}
        for kind, name, node, since in document["down_since"]:
            fleet._down_since[Subject(kind, name, node)] = since
        return fleet


def _is_judged(key: AlertKey, limits: Limits) -> bool:
    """Whether the rule is on, and not told to ignore the GPU or its node."""
    tuning = limits.rules.tuning(key.rule)
    globs = tuning.ignore if isinstance(tuning, GpuTuning) else ()
    ignored = any(fnmatchcase(name, glob) for name in key.subject[1:] for glob in globs)
    return is_on(key.rule, limits) and not ignored


def _policy(rule: str, limits: Limits) -> Policy:
    return Policy.of(RULES[rule], limits.rules.tuning(rule))
