"""One run under watch: its history, its alerts, and the verdicts that move them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from alerts import state
from alerts.history import Roles, RunHistory
from alerts.inhibition import inhibitor
from alerts.model import (
    AlertKey,
    ResolveReason,
    RunFacts,
    RunUpdate,
    Subject,
    Transition,
    Verdict,
)
from alerts.rules import ON_END, ON_RECORD, ON_TIME, RULES, RunJudge, is_on
from alerts.rules.life import STALLED, silent_seconds, stall_limit
from alerts.rules.moment import Moment
from alerts.rules.overall import diagnose
from alerts.shown import Peaks
from alerts.state import Alert, Policy
from alerts.thresholds import LimitBook, Limits

log = logging.getLogger("tunewatch.judge")

GIVEN_UP_AFTER = 86_400.0
"""Seconds of firing after which a stalled run is given up."""


class Watch:
    """Judges one run: O(new points) per update, and a few comparisons as time passes."""

    def __init__(
        self, facts: RunFacts, book: LimitBook, errors: Counter[str] | None = None
    ) -> None:
        self._book = book
        self._errors = Counter[str]() if errors is None else errors
        rules = book.of_run(facts).rules
        self.history = RunHistory(facts, Roles(rules.metrics), rules.steps_per_epoch)
        self.alerts: dict[AlertKey, Alert] = {}
        self.verdicts: dict[tuple[str, str], Verdict] = {}
        """The newest verdict by rule and validation set."""
        self.peaks = Peaks()
        self.ended = False
        self._broken: set[RunJudge] = set()
        self._diagnosed = ""

    @property
    def subject(self) -> Subject:
        """Whom this watch is about."""
        return Subject("run", self.history.facts.run_id)

    @property
    def limits(self) -> Limits:
        """The limits that hold for this run."""
        return self._book.of_run(self.history.facts)

    def update(self, update: RunUpdate, moment: Moment) -> list[Transition]:
        """Take in news of the run and return what changed, in order of the deciding points."""
        if update.deleted:
            return self.close("deleted", moment.now)
        # A run is heard when it begins, logs or is started again; facts alone are no sign of life.
        begins = self.history.silence.heard_at is None or not self.history.facts.running
        heard = update.moved or begins
        self.history.facts = update.facts
        if heard:
            self.history.silence.hear(update.seen_at)
        told: list[Transition] = []
        for record in self.history.absorb(update.points, self._stall_limit):
            if not self.history.is_leftover:
                told += self._judge(ON_RECORD, replace(moment, record=record), record.time)
        if update.facts.running:
            self.ended = self.ended and not heard
        elif not self.ended:
            told += self._end(moment)
        else:
            # Points that trickle in after the end are judged too, but nothing outlives the run.
            told += self.close("run_ended", self._ended_at(moment))
        return told

    def _stall_limit(self) -> float:
        return stall_limit(self.history, self.limits.rules.run_stalled)

    def tick(self, moment: Moment, outside: Iterable[AlertKey] = ()) -> list[Transition]:
        """Let time pass; `outside` are the firing alerts that are not about this run.

        Nothing is judged by the clock while the tracking server does not answer.
        """
        if self.ended or self.history.is_leftover:
            return []
        told: list[Transition] = []
        self.history.silence.not_after(moment.now)
        if moment.listening_since is not None:
            told = self._judge(ON_TIME, moment, moment.now, outside)
            told += [self._inhibited(news, outside) for news in self._ripen(moment.now)]
        for key, alert in list(self.alerts.items()):
            self.alerts[key], transition = state.expire(alert, self._policy(key.rule), moment.now)
            told += [self.placed(transition)] if transition else []
        return told

    def _ripen(self, now: float) -> Iterator[Transition]:
        """Fire what has been pending for long enough, unless the run has fallen silent."""
        stalled = self.alerts.get(AlertKey(STALLED, self.subject))
        if stalled is not None and stalled.state == "firing":
            return
        for key, alert in list(self.alerts.items()):
            self.alerts[key], transition = state.ripen(alert, self._policy(key.rule), now)
            if transition is not None:
                self.peaks.fired(self.alerts[key], now)
                yield transition

    def inhibit_anew(self, outside: Iterable[AlertKey]) -> None:
        """Note which other alert makes each redundant now; what was so may be told after all."""
        alerts = self.firing()
        firing = [*outside, *(alert.key for alert in alerts)]
        for alert in alerts:
            by = inhibitor(alert.key, firing)
            if by != alert.inhibited_by:
                self.alerts[alert.key] = replace(alert, inhibited_by=by)

    def given_up(self, moment: Moment) -> bool:
        """Whether the run has been stalled for a day: nobody is coming back for it.

        That holds for runs of which no stall is told as well, but for parents, who wait in silence.
        """
        stalled = self.alerts.get(AlertKey(STALLED, self.subject))
        if stalled is not None and stalled.state == "firing" and stalled.fired_at is not None:
            return moment.now - stalled.fired_at >= GIVEN_UP_AFTER
        silent = silent_seconds(self.history, moment)
        return not self.history.facts.is_parent and silent >= GIVEN_UP_AFTER + self._stall_limit()

    def close(self, reason: ResolveReason, at: float) -> list[Transition]:
        """End every alert for `reason`; events have ended by themselves."""
        self.ended = True
        return self._close(set(self.alerts), reason, at)

    def _close(
        self, keys: Collection[AlertKey], reason: ResolveReason, at: float
    ) -> list[Transition]:
        told = []
        for key, alert in self.alerts.items():
            if key in keys and alert.state == "firing":
                self.alerts[key], transition = state.resolve(alert, reason, at)
                told += [] if RULES[key.rule].event else [self.placed(transition)]
            elif key in keys and alert.state == "pending":
                self.alerts[key] = state.withdraw(alert)
        return told

    def reconfigure(self, book: LimitBook, now: float) -> list[Transition]:
        """Judge by other limits from now on; end the alerts of rules that are off now."""
        self._book = book
        self.history.steps_per_epoch = self.limits.rules.steps_per_epoch
        self.verdicts = {w: v for w, v in self.verdicts.items() if is_on(v.rule, self.limits)}
        off = {key for key in self.alerts if not is_on(key.rule, self.limits)}
        return self._close(off, "rule_removed", now)

    def still_so(self) -> list[Transition]:
        """Return the alerts that fire, as news for someone who has just begun to watch."""
        for key, alert in self.alerts.items():
            if alert.state == "firing" and alert.keep_since is not None:
                # It ceased before anyone watched: there is nobody to keep it up for.
                self.alerts[key], _ = state.resolve(alert, "recovered", alert.keep_since)
        told = []
        for alert in self.firing():
            if not RULES[alert.key.rule].event:
                self.alerts[alert.key] = replace(alert, already_so=True)
                at = alert.active_since if alert.fired_at is None else alert.fired_at
                news = state.firing(self.alerts[alert.key], at, event=False)
                told.append(self._inhibited(news, ()))
        self.peaks.keep(self.alerts[news.key] for news in told)
        return told

    def firing(self) -> list[Alert]:
        """Return the alerts that fire now."""
        return [alert for alert in self.alerts.values() if alert.state == "firing"]

    @property
    def diagnosis(self) -> str:
        """One word for how the run does; after a restart the old one until it can be looked at."""
        if self._diagnosed and self.history.awaits_points:
            return self._diagnosed
        # A condition that was met, and has not been seen to go.
        met = (alert for alert in self.alerts.values() if alert.state != "resolved")
        return diagnose(self.history, {a.key.rule for a in met if a.keep_since is None})

    def _end(self, moment: Moment) -> list[Transition]:
        """Judge the end of the run, once, and close its alerts."""
        at = self._ended_at(moment)
        if self.history.is_leftover:
            self.ended = True
            return []
        self.history.epochs.close(self.history.loss)
        told = self._judge(ON_END, replace(moment, ended=True), at)
        return told + self.close("run_ended", at)

    def _ended_at(self, moment: Moment) -> float:
        last = self.history.loss.last
        ended = self.history.facts.ended_at
        ended = moment.now if ended is None else ended
        return max(ended, last.time) if last else ended

    def _judge(
        self,
        judges: Iterable[RunJudge],
        moment: Moment,
        at: float,
        outside: Iterable[AlertKey] = (),
    ) -> list[Transition]:
        """Let rules judge one moment, then note which of the news another alert makes redundant."""
        told: list[Transition] = []
        for judge in judges:
            for verdict in self._answers(judge, moment):
                told += self._move(verdict, at, moment.now)
        return [self._inhibited(transition, outside) for transition in told]

    def _answers(self, judge: RunJudge, moment: Moment) -> list[Verdict]:
        try:
            return list(judge(self.history, self.limits, moment))
        except Exception:
            # Rules are pure, so nothing is half done; told once, since each record would repeat it.
            self._errors["rule"] += 1
            if judge not in self._broken:
                self._broken.add(judge)
                log.exception("run %s: a rule failed, the others go on", self.subject.id)
            return []

    def _move(self, verdict: Verdict, at: float, now: float) -> list[Transition]:
        self.verdicts[verdict.rule, verdict.eval_set] = verdict
        if not self.limits.rules.tuning(verdict.rule).enabled:
            return []
        key = AlertKey(verdict.rule, self.subject, verdict.eval_set)
        before = self.alerts.get(key)
        after, transition = state.advance(before, key, verdict, self._policy(key.rule), at, now)
        self.peaks.note(verdict, before, after, now)
        if after is None:
            self.alerts.pop(key, None)
        else:
            self.alerts[key] = after
        return [transition] if transition else []

    def _inhibited(self, transition: Transition, outside: Iterable[AlertKey]) -> Transition:
        if transition.state != "firing":
            return self.placed(transition)
        firing = [*outside, *(alert.key for alert in self.firing())]
        by = inhibitor(transition.key, firing)
        if transition.key in self.alerts:
            self.alerts[transition.key] = replace(self.alerts[transition.key], inhibited_by=by)
        return replace(transition, inhibited_by=by)

    def placed(self, transition: Transition) -> Transition:
        """Date a resolution by where the run is now, not by where the alert began."""
        step = self.history.step
        epoch = self.history.epoch_at(step) if step is not None else None
        return replace(transition, step=step, epoch=epoch)

    def _policy(self, rule: str) -> Policy:
        return Policy.of(RULES[rule], self.limits.rules.tuning(rule))

    def to_document(self) -> dict[str, Any]:
        """Return plain data for the state document."""
        return {
            "history": self.history.to_document(),
            "alerts": [state.to_document(alert) for alert in self.alerts.values()],
            "verdicts": [state.verdict_to_document(v) for v in self.verdicts.values()],
            "peaks": self.peaks.to_document(),
            "diagnosis": self.diagnosis,
            "ended": self.ended,
        }

    @classmethod
    def from_document(
        cls,
        document: Mapping[str, Any],
        facts: RunFacts,
        book: LimitBook,
        errors: Counter[str] | None = None,
    ) -> Watch:
        """Rebuild a watch from `to_document`; alerts of rules that are gone are dropped."""
        watch = cls(facts, book, errors)
        watch.history.restore(document["history"])
        alerts = [state.from_document(alert) for alert in document["alerts"]]
        watch.alerts = {alert.key: alert for alert in alerts if alert.key.rule in RULES}
        verdicts = [state.verdict_from_document(verdict) for verdict in document["verdicts"]]
        watch.verdicts = {(v.rule, v.eval_set): v for v in verdicts}
        watch.peaks = Peaks(document.get("peaks", ()))
        watch._diagnosed = document.get("diagnosis", "")
        watch.ended = document["ended"]
        return watch
