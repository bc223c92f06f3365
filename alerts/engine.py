"""One tick: observations in, alert state moved, news put into the outbox, all of it stored."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from alerts import changes, state
from alerts.fleet import Fleet
from alerts.history.windows import Bookmark
from alerts.keeper import Keeper
from alerts.model import (
    AlertKey,
    GpuObservation,
    Observations,
    RunFacts,
    SourceObservation,
    Transition,
)
from alerts.notify.links import dashboard_link
from alerts.notify.mute import is_muted
from alerts.notify.notice import About, Kind, Notice
from alerts.outbox import Outbox, Row, Standing
from alerts.rules import RULES, is_on, threshold
from alerts.rules.moment import Moment
from alerts.runs import RunBook
from alerts.state import Alert
from alerts.store import Document, StateStore
from alerts.thresholds import AlertSettings, LimitBook
from alerts.view import (
    AlertsView,
    AlertView,
    RunView,
    alert_views,
    ended_view,
    run_context,
    run_view,
)

log = logging.getLogger("tunewatch.engine")

RUN_SOURCE = "mlflow"
LONGEST_PAUSE = 120.0
"""Seconds between two ticks after which the machine was asleep, or its clock was set."""


class Engine:
    """Keeps all alert state; one thread ticks, senders ask it what their rows are about."""

    def __init__(self, settings: AlertSettings, store: StateStore, outbox: Outbox) -> None:
        self._book = LimitBook(settings)
        self._dashboard_url = settings.notify.dashboard_url or ""
        self._outbox = outbox
        self._lock = threading.Lock()
        self._runs = RunBook(self._book)
        self._fleet = Fleet()
        self._listening_since: float | None = None
        self._ticked_at: float | None = None
        self._heard = Moment(0.0)
        self._keeper = Keeper(store, outbox, self._document)

    def restore(self, now: float) -> None:
        """Take over what was stored; raises alerts.store.StoreInUse when another process has it.

        A document that makes no sense is set aside, never overwritten.
        """
        document = self._keeper.store.load()
        if document is None:
            self._runs.watching_since = now
            return
        try:
            runs = RunBook.from_document(document["runs"], self._book)
            fleet = Fleet.from_document(document["fleet"])
            self._outbox.restore(document["outbox"], now)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            self._keeper.store.set_aside(f"it is not what this version writes: {error!r}")
            self._runs.watching_since = now
            return
        self._runs, self._fleet, self._keeper.stored_at = runs, fleet, now
        self._reconfigure(now)

    def cursors(self) -> Mapping[str, Mapping[str, Bookmark]]:
        """Return, by run id and metric, up to where points have been judged.

        And, after a restart, which of them an update has to repeat for rules to look back on.
        """
        with self._lock:
            return self._runs.bookmarks()

    def tick(self, observations: Observations, now: float) -> list[Transition]:
        """Judge what was observed, put the news into the outbox and store everything."""
        told: list[Transition] = []
        with self._lock:
            for transition in self._judge(observations, now):
                # At once: should a later step raise, what was judged before it is still told.
                self._enqueue(transition, now)
                told.append(transition)
            self._runs.forget(now, keep=self._awaited_runs())
            self._welcome(now)
            self._outbox.review(self._standing, now)
            self._keeper.save(now, urgent=bool(told) or self._outbox.changed)
        for transition in told:
            _log(transition)
        return told

    def reconfigure(self, settings: AlertSettings, now: float) -> None:
        """Judge by other settings from now on; alerts of rules that are off end."""
        with self._lock:
            self._book = LimitBook(settings)
            self._dashboard_url = settings.notify.dashboard_url or ""
            self._reconfigure(now)
            self._keeper.save(now, urgent=True)

    def _reconfigure(self, now: float) -> None:
        for transition in self._runs.reconfigure(self._book, now):
            self._enqueue(transition, now)
            _log(transition)

    def _welcome(self, now: float) -> None:
        """Have channels that are new told what fires already."""
        newcomers = self._outbox.newcomers()
        if not newcomers:
            return
        watched = (alert for watch in self._runs.shown() for alert in watch.firing())
        for alert in (*self._fleet.alerts.values(), *watched):
            if alert.state == "firing" and not RULES[alert.key.rule].event:
                self._enqueue(changes.as_firing(alert), now, only=newcomers)
        self._outbox.welcomed(newcomers)

    def _enqueue(
        self, transition: Transition, now: float, only: Collection[str] | None = None
    ) -> None:
        key = transition.key
        run = self._run_of(key)
        self._outbox.enqueue(
            transition,
            now,
            experiment=run.experiment if run else "",
            muted=is_muted(key.rule, run),
            only=only,
        )

    def _standing(self, key: AlertKey) -> Standing:
        """Return whether an alert still fires, and whether people are to be told of it now."""
        alert = self._alert(key)
        firing = alert is not None and alert.state == "firing"
        inhibited = alert is not None and firing and alert.inhibited_by is not None
        withheld = inhibited or is_muted(key.rule, self._run_of(key))
        return Standing(firing, withheld, alert.value if alert else None)

    def _alert(self, key: AlertKey) -> Alert | None:
        watch = self._runs.get(key.subject.id) if key.subject.kind == "run" else None
        return (watch.alerts if watch else self._fleet.alerts).get(key)

    def _run_of(self, key: AlertKey) -> RunFacts | None:
        watch = self._runs.get(key.subject.id) if key.subject.kind == "run" else None
        return watch.history.facts if watch else None

    def flush(self, now: float) -> None:
        """Store everything now; for the end of the process."""
        with self._lock:
            self._keeper.save(now, urgent=True)

    def _judge(self, observations: Observations, now: float) -> Iterator[Transition]:
        limits = self._book.of_fleet()
        self._listen(observations.sources, now)
        yield from self._of_fleet(lambda: self._fleet.observe(observations, limits, now))
        yield from self._of_fleet(lambda: self._fleet.tick(limits, now))
        moment = self._moment(now)
        self._heard = moment if moment.listening_since is not None else self._heard
        for update in observations.runs:
            yield from self._runs.update(update, moment)
        yield from self._runs.tick(moment, self._fleet.firing())

    def _of_fleet(self, judge: Callable[[], Iterable[Transition]]) -> Iterator[Transition]:
        """Judge the machines; a bug that they meet must not silence the runs.

        What it changed before that is told.
        """
        before = dict(self._fleet.alerts)
        try:
            yield from judge()
        except Exception:
            if not self._runs.errors["fleet"]:
                log.exception("GPUs and sources cannot be judged, the runs go on")
            self._runs.errors["fleet"] += 1
            yield from changes.news(before, self._fleet.alerts)

    def _listen(self, sources: Iterable[SourceObservation], now: float) -> None:
        """Note since when the tracking server has answered, and we have listened, without a break.

        Who slept has heard nothing, so no run was silent for that long.
        """
        if self._ticked_at is None or not 0 <= now - self._ticked_at <= LONGEST_PAUSE:
            self._listening_since = None
        self._ticked_at = now
        for source in sources:
            if source.source == RUN_SOURCE:
                since = self._listening_since
                self._listening_since = (now if since is None else since) if source.up else None

    def _moment(self, now: float) -> Moment:
        return Moment(now, listening_since=self._listening_since)

    def _awaited_runs(self) -> set[str]:
        return {episode.key.subject.id for episode in self._outbox.episodes()}

    def _document(self) -> Document:
        return {"runs": self._runs.to_document(), "fleet": self._fleet.to_document()}

    def notice_for(self, row: Row) -> Notice | None:
        """Return what a row is about as of now, None when nobody knows any more."""
        with self._lock:
            alert, about = self._find(row.key)
            if alert is None:
                return None
            if row.kind.resolves:
                transition = self._runs.placed(state.resolution(alert))
            else:
                transition = changes.as_firing(alert)
            transition = replace(transition, episode=row.episode, severity=row.severity)
            return self._notice(row.kind, transition, about)

    def _notice(self, kind: Kind, transition: Transition, about: About) -> Notice:
        rule = RULES[transition.key.rule]
        dashboard = dashboard_link(self._dashboard_url, transition.key.subject)
        return Notice(
            kind, transition, about, rule.resolves, rule.unit, dashboard, self._trainers(about)
        )

    def _trainers(self, about: About) -> tuple[RunFacts, ...]:
        """Return the runs that train on the GPU that an alert is about."""
        run_ids = (about.runs or ()) if isinstance(about, GpuObservation) else ()
        watches = filter(None, map(self._runs.get, run_ids))
        return tuple(w.history.facts for w in watches if not w.history.is_leftover)

    def _find(self, key: AlertKey) -> tuple[Alert | None, About]:
        watch = self._runs.get(key.subject.id) if key.subject.kind == "run" else None
        if watch is not None:
            gpus = self._fleet.gpus_of(key.subject.id)
            return watch.alerts.get(key), run_context(watch, key.eval_set, gpus)
        return self._fleet.alerts.get(key), self._fleet.seen.get(key.subject)

    def view(self, now: float) -> AlertsView:
        """Return everything as it stands, for pages and metrics."""
        with self._lock:
            limits = self._book.of_fleet()
            numbers = {rule: threshold(rule, limits) for rule in RULES if is_on(rule, limits)}
            return AlertsView(
                alerts=tuple(self._alert_views()),
                runs=tuple(self._run_views(now)),
                training_busy=self._fleet.training_busy(limits),
                devices=self._fleet.devices_by_run(),
                thresholds={rule: n for rule, n in numbers.items() if n is not None},
                deliveries=self._outbox.outcomes(),
                undelivered=self._outbox.pending(),
                state_bytes=self._keeper.store.size,
                errors=dict(self._runs.errors),
            )

    def _run_views(self, now: float) -> Iterator[RunView]:
        """Show runs; what grows with the clock stands still while the server does not answer."""
        moment = self._moment(now)
        heard = moment if moment.listening_since is not None else self._heard
        for watch in self._runs.shown():
            if not watch.history.is_leftover:
                yield run_view(watch, moment, heard)
        yield from filter(None, (ended_view(watch, moment) for watch in self._runs.ended()))

    def _alert_views(self) -> Iterator[AlertView]:
        for alert in self._fleet.alerts.values():
            if alert.state != "resolved":
                yield AlertView(alert)
        for watch in self._runs.shown():
            yield from alert_views(watch)


def _log(transition: Transition) -> None:
    key = transition.key
    log.info(
        "%s %s: %s %s%s%s",
        transition.severity.value,
        key.rule,
        transition.state,
        f"for {key.subject.kind} {key.subject.id}",
        f" at step {transition.step}" if transition.step is not None else "",
        f" (inhibited by {transition.inhibited_by})" if transition.inhibited_by else "",
    )
