"""An outbox under a clock that tests turn, and what its channels are sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from alerts.model import AlertKey, Severity, Subject, Transition
from alerts.notify import Delivery, Result
from alerts.outbox import Bundle, Outbox, Pace, Row, Standing
from tests.support.notices import NOW, Told, transition

AT_ONCE = Pace(group_wait=0.0, hourly=1_000_000)


def alone(row: Row) -> Bundle:
    """Return the message that tells this row and nothing else."""
    return Bundle(row.channel, (row,))


def key(rule: str, run: str = "run-1") -> AlertKey:
    """Return the key of an alert about a run."""
    return AlertKey(rule, Subject("run", run))


def gpu(uuid: str, node: str, rule: str = "gpu_memory_high") -> AlertKey:
    """Return the key of an alert about a GPU."""
    return AlertKey(rule, Subject("gpu", uuid, node))


def fired(about: AlertKey, severity: Severity = Severity.WARNING, **changes: object) -> Transition:
    """Return the firing of an alert."""
    return transition(key=about, severity=severity, **changes)


@dataclass
class Desk:
    """An outbox, its clock, and how the alerts in it stand; the first channel is `chat`."""

    channels: tuple[Told, ...] = (Told("chat"),)
    pace: Pace = field(default_factory=Pace)
    now: float = NOW
    standings: dict[AlertKey, Standing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with nothing to send."""
        self.box = Outbox(self.channels, jitter=lambda: 1.0, pace=self.pace)

    def tell(self, *transitions: Transition, muted: bool = False) -> None:
        """Hand in what happened; what fires stands as firing from now on."""
        for each in transitions:
            self.box.enqueue(each, self.now, muted=muted)
            withheld = muted or each.inhibited_by is not None
            self.standings[each.key] = Standing(each.state == "firing", withheld, each.value)
        self.review()

    def stands(self, about: AlertKey, **changes: object) -> None:
        """Change how an alert stands, and review."""
        self.standings[about] = self.standings[about]._replace(**changes)  # type: ignore[arg-type]  # fields by name
        self.review()

    def review(self, after: float = 0.0) -> None:
        """Let time pass, review and store, as a tick of the engine does."""
        self.now += after
        self.box.review(lambda about: self.standings.get(about, Standing()), self.now)
        self.store()

    def store(self) -> None:
        """Store."""
        self.box.mark_stored(self.box.to_document())

    def send(
        self, channel: str = "chat", result: Result = Result.DELIVERED, *, uncertain: bool = False
    ) -> list[Bundle]:
        """Send all that is due now; return the messages."""
        sent = []
        while (bundle := self.box.bundle(channel, self.now)) is not None:
            sent.append(bundle)
            self.box.mark(bundle, Delivery(result, "HTTP 500", uncertain=uncertain), self.now)
        self.store()
        return sent


def news(bundles: list[Bundle]) -> list[list[tuple[str, str]]]:
    """Return the kind and the rule of every row of every message."""
    return [[(row.kind.value, row.key.rule) for row in bundle.rows] for bundle in bundles]
