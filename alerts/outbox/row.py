"""One row: what one destination is to be told, or was told, of one episode of an alert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from alerts.model import AlertKey, Severity, Subject
from alerts.notify.notice import Kind


class Episode(NamedTuple):
    """One time that an alert fired; numbers count from the alert's first."""

    key: AlertKey
    number: int


Place = tuple[str, Episode]
"""A destination and an episode."""
Group = tuple[str, str]
"""What one message is about: a run, or a node."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row holds no text: that is rendered on sending, with the values of then.

    A *pending* row is to be sent. One that is not pending was told and waits for what follows in
    its episode: a repeat, an escalation or the end. `told`: something of the episode was delivered,
    or may have been, last at `told_at`. *Withheld*: the alert is muted or inhibited, so it is told
    of nothing but its end. Times are Unix seconds; `revision` is that of the outbox when the row
    came to be what it is, so a row may be sent once that revision is stored. `value` is the number
    last told, for the rules that are told again only when it has grown.
    """

    key: AlertKey
    episode: int
    kind: Kind
    severity: Severity
    channel: str
    created: float
    next_try: float
    attempts: int = 0
    rejections: int = 0
    pending: bool = True
    told: bool = False
    revision: int = 0
    experiment: str = ""
    withheld: bool = False
    repeats: int = 0
    told_at: float = 0.0
    value: float | None = None

    @property
    def place(self) -> Place:
        """The row's place in the outbox."""
        return (self.channel, Episode(self.key, self.episode))

    @property
    def group(self) -> Group:
        """Rows of one group go out together: those of a run, and those of a node."""
        subject = self.key.subject
        return ("run", subject.id) if subject.kind == "run" else ("node", subject.node)

    @property
    def urgent(self) -> bool:
        """Whether neither grouping nor the hourly limit may hold the row back."""
        return self.severity is Severity.CRITICAL

    @property
    def sendable(self) -> bool:
        """Whether the row is to be sent once it is due."""
        return self.pending and (self.kind.closes or not self.withheld)

    def same_news(self, other: Row) -> bool:
        """Whether both rows tell the same, however often that was tried."""
        return (self.kind, self.severity, self.repeats) == (
            other.kind,
            other.severity,
            other.repeats,
        )

    def __str__(self) -> str:
        """Name the row for the log."""
        subject = self.key.subject
        return f"{self.kind} of {self.key.rule} for {subject.kind} {subject.id!r} #{self.episode}"


def to_document(row: Row) -> dict[str, Any]:
    """Return the row as plain JSON data."""
    return {
        "rule": row.key.rule,
        "subject": list(row.key.subject),
        "eval_set": row.key.eval_set,
        "kind": row.kind.value,
        "severity": row.severity.value,
        **{name: getattr(row, name) for name in _PLAIN},
    }


_PLAIN = (
    "episode",
    "channel",
    "created",
    "next_try",
    "attempts",
    "rejections",
    "pending",
    "told",
    "revision",
    "experiment",
    "withheld",
    "repeats",
    "told_at",
    "value",
)


def from_document(document: Mapping[str, Any]) -> Row:
    """Return the row that `to_document` wrote; raises KeyError, TypeError or ValueError."""
    fields = dict(document)
    kind, subject_id, node = fields.pop("subject")
    key = AlertKey(fields.pop("rule"), Subject(kind, subject_id, node), fields.pop("eval_set"))
    fields["kind"] = Kind(fields["kind"])
    fields["severity"] = Severity(fields["severity"])
    return Row(key=key, **fields)
