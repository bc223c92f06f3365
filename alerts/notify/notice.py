"""What there is to tell, and how it reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from alerts.model import (
    GpuObservation,
    Inventory,
    NodeObservation,
    RunContext,
    RunFacts,
    Severity,
    SourceObservation,
    Transition,
)


class Kind(StrEnum):
    """What happened to an alert, as people are told."""

    FIRING = "firing"
    ESCALATED = "escalated"
    REPEATED = "repeated"
    RESOLVED = "resolved"
    EVENT = "event"
    FIRED_AND_RESOLVED = "fired_and_resolved"

    @property
    def closes(self) -> bool:
        """Whether nothing more of this episode can follow."""
        return self not in (Kind.FIRING, Kind.ESCALATED, Kind.REPEATED)

    @property
    def resolves(self) -> bool:
        """Whether the alert no longer holds."""
        return self in (Kind.RESOLVED, Kind.FIRED_AND_RESOLVED)


About = RunContext | GpuObservation | SourceObservation | Inventory | NodeObservation | None
"""What is known of an alert's subject."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell: what happened, and what is known of its subject as of sending.

    `transition` carries the current value; for a kind that resolves it is the resolving one.
    `resolves_when` ends the sentence "Resolves when ..."; empty gives the general one. `unit` is
    that of the compared number: `%`, `s`, `h`, nothing, or `flag` for one that says nothing.
    """

    kind: Kind
    transition: Transition
    about: About = None
    resolves_when: str = ""
    unit: str = ""
    dashboard_url: str = ""
    runs: tuple[RunFacts, ...] = ()
    """Those that train on the GPU that it is about."""


@dataclass(frozen=True, slots=True)
class Message:
    """Text for people: one line of title, plain lines of text, both free of control characters.

    `slack` (Slack's mrkdwn) and `html` (a mail) say the same in other dress; empty when there is
    only the text.
    """

    title: str
    text: str
    severity: Severity
    kind: Kind
    slack: str = ""
    html: str = ""
