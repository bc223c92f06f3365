"""What a message says, before it is dressed for Slack, mail or plain text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from alerts.model import Severity
from alerts.notify.notice import Kind


class Line(NamedTuple):
    """Prose of one line, perhaps with a word before it that says what it is about."""

    text: str
    label: str = ""
    tone: Literal["plain", "strong", "quiet"] = "plain"


class Drawing(NamedTuple):
    """Lines whose columns stay under one another."""

    lines: tuple[str, ...]


class Commands(NamedTuple):
    """Lines for a shell, and where to type them."""

    label: str
    lines: tuple[str, ...]


class Link(NamedTuple):
    """A web address and what it shows."""

    label: str
    url: str


class Links(NamedTuple):
    """Addresses that stand beside one another."""

    links: tuple[Link, ...]


Block = Line | Drawing | Commands | Links


class Section(NamedTuple):
    """Blocks that belong together; one about an alert among several has heading and severity."""

    blocks: tuple[Block, ...]
    heading: str = ""
    severity: Severity | None = None
    advice: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """A message without a format; every text is one line, free of control characters.

    `mark` says how urgent it is, `footer` is the line by which messages of one episode match.
    """

    mark: str
    what: str
    whom: str
    severity: Severity
    kind: Kind
    sections: tuple[Section, ...]
    footer: str = ""
    aside: str = ""

    @property
    def title(self) -> str:
        """The one line by which people know what this is, the urgency first."""
        return f"{self.mark}: {self.what}, {self.whom}{f' ({self.aside})' if self.aside else ''}"


class Caps(NamedTuple):
    """How long the parts of a message may be, in bytes of UTF-8, and how many."""

    name: int
    word: int
    sentence: int
    link: int
    facts: int
    alerts: int


LADDER = (
    Caps(name=250, word=60, sentence=400, link=250, facts=8, alerts=8),
    Caps(name=160, word=40, sentence=250, link=250, facts=6, alerts=6),
    Caps(name=100, word=30, sentence=160, link=160, facts=4, alerts=4),
    Caps(name=48, word=24, sentence=90, link=120, facts=2, alerts=3),
    Caps(name=16, word=12, sentence=40, link=0, facts=0, alerts=1),
)
"""From roomy to tight: a message is as roomy as fits, and the last fits whatever it is about."""
