"""Who has been heard of when, so that nothing fires for ever about what is no more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from alerts.model import ResolveReason, Subject

GIVEN_UP_AFTER = 86_400.0
"""Seconds without any news of its subject after which an alert ends."""
GONE_AFTER = 300.0
"""Seconds for which a GPU or a node must be missing from where it is listed to count as gone."""


class Presence:
    """When GPUs, sources and nodes were last heard of; all times are Unix seconds.

    A silence may mean anything, so it ends alerts only after a day. A GPU of a node that was read
    and that misses none, or a node that is no longer among those that should answer, is gone.
    """

    def __init__(self) -> None:
        self._heard: dict[Subject, float] = {}
        self._answered: dict[str, float] = {}
        self._complete: dict[str, float] = {}
        self._left: dict[str, float] = {}

    def hear(self, subject: Subject, now: float) -> None:
        """Note that something is known of a subject now."""
        self._heard[subject] = now

    def knows(self, subject: Subject) -> bool:
        """Tell whether anything was heard of a subject within a day."""
        return subject in self._heard

    def complete(self, node: str, now: float) -> None:
        """Note that the GPUs of a node were read and that none is missing."""
        self._complete[node] = now

    def answer(self, node: str, now: float) -> None:
        """Note that the process of another node answers."""
        self._answered[node] = now

    def answered_at(self, node: str) -> float | None:
        """Return when the process of another node answered last, None for never."""
        return self._answered.get(node)

    def roll_call(self, listed: Collection[str], now: float) -> None:
        """Note which other nodes should answer; one that is not among them has left."""
        missing = self._answered.keys() - set(listed)
        self._left = {node: self._left.get(node, now) for node in missing}

    def over(self, subject: Subject, now: float) -> ResolveReason | None:
        """Return why alerts about a subject have to end, None as long as they need not."""
        heard = self._heard.setdefault(subject, now)
        if self._is_gone(subject, heard, now):
            return "gone"
        return "given_up" if now - heard >= GIVEN_UP_AFTER else None

    def _is_gone(self, subject: Subject, heard: float, now: float) -> bool:
        if now - self._left.get(subject.node, now) >= GONE_AFTER:
            return True
        complete = self._complete.get(subject.node, heard)
        return subject.kind == "gpu" and complete - heard >= GONE_AFTER

    def forget(self, now: float, *, keep: Collection[Subject]) -> set[Subject]:
        """Forget what nothing was heard of for a day, and return it.

        What is gone is forgotten at once, unless it is to be kept: a GPU that is divided anew again
        and again leaves many instances behind.
        """
        old = {
            subject
            for subject, at in self._heard.items()
            if now - at >= GIVEN_UP_AFTER
            or (subject not in keep and self._is_gone(subject, at, now))
        }
        for subject in old:
            del self._heard[subject]
        self._answered = _younger(self._answered, now)
        self._complete = _younger(self._complete, now)
        return old

    def to_document(self, subjects: Iterable[Subject]) -> dict[str, Any]:
        """Return plain data for the state document; of what is heard, that of these subjects."""
        heard = {subject: self._heard[subject] for subject in subjects if subject in self._heard}
        return {
            "heard": [[*subject, at] for subject, at in heard.items()],
            "answered": dict(self._answered),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Presence:
        """Rebuild from `to_document`."""
        presence = cls()
        for kind, name, node, at in document.get("heard", ()):
            presence._heard[Subject(kind, name, node)] = at
        presence._answered = dict(document.get("answered", {}))
        return presence


def _younger(times: Mapping[str, float], now: float) -> dict[str, float]:
    return {name: at for name, at in times.items() if now - at < GIVEN_UP_AFTER}
