"""All runs under watch: who is new, who has ended, who may be forgotten."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Any

from alerts import changes
from alerts.history.windows import Bookmark
from alerts.judge import Watch
from alerts.model import AlertKey, RunFacts, RunUpdate, Transition
from alerts.rules.moment import Moment
from alerts.thresholds import LimitBook

log = logging.getLogger("tunewatch.engine")

ENDED_KEPT = 3600.0
"""Seconds for which a run that ended is remembered whole, in case it is resumed."""
_NEEDED = ("run_id", "name", "experiment", "status", "started_at")
"""Facts that a run always has, be they empty."""
KNOWN_KEPT = 30 * 86_400.0
KNOWN_MOST = 10_000
ERRORS = ("rule", "run", "fleet")


class RunBook:
    """The watches by run id.

    A run that began before anyone watched, or that was forgotten and is back, is judged in
    silence: only what is still true is told.
    """

    def __init__(self, book: LimitBook, watching_since: float = 0.0) -> None:
        self.watching_since = watching_since
        self._book = book
        self._watches: dict[str, Watch] = {}
        self._ended: dict[str, float] = {}
        self._known: dict[str, float] = {}
        self._broken: set[str] = set()
        self.errors = Counter(dict.fromkeys(ERRORS, 0))
        """How many errors judging has survived, by what each cost."""

    def get(self, run_id: str) -> Watch | None:
        """Return the watch of a run, if there is one."""
        return self._watches.get(run_id)

    def shown(self) -> Iterator[Watch]:
        """Yield the watches of runs that have not ended."""
        return (watch for watch in self._watches.values() if not watch.ended)

    def ended(self) -> Iterator[Watch]:
        """Yield the watches of runs that ended not long ago."""
        return (watch for watch in self._watches.values() if watch.ended)

    def bookmarks(self) -> dict[str, Mapping[str, Bookmark]]:
        """Return, by run id and metric, up to where points have been taken in."""
        return {run_id: watch.history.bookmarks() for run_id, watch in self._watches.items()}

    def update(self, update: RunUpdate, moment: Moment) -> list[Transition]:
        """Take in news of one run; return what people may be told."""
        return self._guarded(update.facts.run_id, lambda: self._update(update, moment))

    def _guarded(self, run_id: str, judge: Callable[[], list[Transition]]) -> list[Transition]:
        """Judge one run; a bug that it meets must not silence all the others for ever.

        What it changed before that is told.
        """
        watch = self._watches.get(run_id)
        before = dict(watch.alerts) if watch else {}
        try:
            return judge()
        except Exception:
            self.errors["run"] += 1
            if run_id not in self._broken:
                self._broken.add(run_id)
                log.exception("run %s cannot be judged, the others go on", run_id)
            return list(changes.news(before, watch.alerts)) if watch else []

    def _update(self, update: RunUpdate, moment: Moment) -> list[Transition]:
        run_id = update.facts.run_id
        watch = self._watches.get(run_id)
        if watch is not None:
            told = watch.update(update, moment)
        elif update.deleted:
            return []
        else:
            watch = self._watches[run_id] = Watch(update.facts, self._book, self.errors)
            told = self._first_sight(watch, update, moment)
        if watch.ended:
            self._ended.setdefault(run_id, moment.now)
        else:
            self._ended.pop(run_id, None)
        return told

    def _first_sight(self, watch: Watch, update: RunUpdate, moment: Moment) -> list[Transition]:
        run_id = update.facts.run_id
        if self._known.pop(run_id, None) is None:
            if update.facts.started_at >= self.watching_since:
                return watch.update(update, moment)
            # What was logged before anyone watched was not heard just now.
            newest = max((point.time for point in update.points), default=update.facts.started_at)
            update = replace(update, seen_at=min(update.seen_at, newest))
        watch.update(update, moment)
        return watch.still_so()

    def tick(self, moment: Moment, outside: Collection[AlertKey]) -> list[Transition]:
        """Let time pass for every run; one that has been stalled for a day is given up."""
        # A clock that was set back must not make every run an old one.
        self.watching_since = min(self.watching_since, moment.now)
        told: list[Transition] = []
        for run_id, watch in self._watches.items():
            told += self._guarded(run_id, partial(self._tick, watch, moment, outside))
        return told

    def _tick(
        self, watch: Watch, moment: Moment, outside: Collection[AlertKey]
    ) -> list[Transition]:
        told = watch.tick(moment, outside)
        watch.inhibit_anew(outside)
        if not watch.ended and watch.given_up(moment):
            told += watch.close("given_up", moment.now)
            self._ended.setdefault(watch.subject.id, moment.now)
        return told

    def reconfigure(self, book: LimitBook, now: float) -> list[Transition]:
        """Judge every run by other limits from now on."""
        self._book = book
        return [t for watch in self._watches.values() for t in watch.reconfigure(book, now)]

    def placed(self, transition: Transition) -> Transition:
        """Date news of a run's end by where the run is now."""
        watch = self._watches.get(transition.key.subject.id)
        return watch.placed(transition) if watch else transition

    def forget(self, now: float, keep: Collection[str]) -> None:
        """Free the memory of runs that ended a while ago and of which nothing is left to tell."""
        for run_id, ended in list(self._ended.items()):
            if not 0 <= now - ended < ENDED_KEPT and run_id not in keep:
                del self._ended[run_id]
                self._watches.pop(run_id, None)
                self._broken.discard(run_id)
                self._known[run_id] = now
        while self._known and self._oldest_known(now):
            self._known.pop(next(iter(self._known)))

    def _oldest_known(self, now: float) -> bool:
        """Whether the run that was forgotten first may be forgotten for good."""
        return len(self._known) > KNOWN_MOST or now - next(iter(self._known.values())) > KNOWN_KEPT

    def to_document(self) -> dict[str, Any]:
        """Return data for the state document; each watch as a function that returns plain data."""
        return {
            "watching_since": self.watching_since,
            "watches": [partial(_watch_document, watch) for watch in self._watches.values()],
            "ended": self._ended,
            "known": self._known,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], book: LimitBook) -> RunBook:
        """Rebuild the book from `to_document`."""
        runs = cls(book, float(document["watching_since"]))
        for entry in document["watches"]:
            facts = RunFacts(**entry["facts"])
            runs._watches[facts.run_id] = Watch.from_document(entry, facts, book, runs.errors)
        runs._ended = dict(document["ended"])
        runs._known = dict(document["known"])
        return runs


def _watch_document(watch: Watch) -> dict[str, Any]:
    return {"facts": _facts_document(watch.history.facts), **watch.to_document()}


def _facts_document(facts: RunFacts) -> dict[str, Any]:
    """Return what makes `RunFacts` again; what goes without saying is left out."""
    values = {field.name: getattr(facts, field.name) for field in fields(facts)}
    plain = {**values, "params": dict(facts.params), "tags": dict(facts.tags)}
    return {name: value for name, value in plain.items() if value or name in _NEEDED}
