"""A storm of alerts in processes of their own, which may be killed at any moment.

Each judges the points of a script by the real engine, keeps its state in a file, and posts what
there is to tell to two webhooks. Started again on the same file, it goes on where judging had
stopped, as the mirror of a tracking server does. The processes are forked from one that has
imported everything, which takes far longer than a storm.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from alerts.engine import Engine
from alerts.history.windows import Bookmark
from alerts.model import MetricPoint, Observations, RunFacts, RunUpdate, Severity, Transition
from alerts.notify.channel import EVERYTHING, Delivery, Result
from alerts.notify.notice import Message
from alerts.outbox import Bundle, Outbox, Pace
from alerts.outbox.sender import Sender
from alerts.rules import RULES
from alerts.store import FileStore, MemoryStore, StateStore
from alerts.thresholds import AlertSettings, Rules, Thresholds

BEGUN = 1_700_000_000.0
CHANNELS = ("chat", "mail")
RUNS = 10
PER_TICK = 4
"""Points of each run that one tick judges."""
LIVELY = ("nonfinite", "eval_loss_rising")
PACE = Pace(group_wait=0.02, repeat=0, repeat_critical=0, hourly=1_000_000)


class News(NamedTuple):
    """One thing that happened to an alert, or was told of it: `what` is *fired* or *resolved*."""

    rule: str
    run: str
    episode: int
    what: str


def settings() -> AlertSettings:
    """Return settings by which two rules follow the points at once and all others are off."""
    tuning = {
        name: {"keep_firing_for": "0s"} if name in LIVELY else {"enabled": False} for name in RULES
    }
    rules = Rules.model_validate(tuning)
    return AlertSettings(thresholds=Thresholds(max_val_loss_increase=3), rules=rules)


def script(run: int, cycles: int) -> list[MetricPoint]:
    """Return the points of a run: NaN comes and goes, or evaluations rise and fall."""
    if run % 2:
        values, metric = [1.0, 1.1, 1.2, 1.3, 1.4, 0.5] * (4 * cycles), "eval_loss"
    else:
        values, metric = [float("nan"), *[1.0] * 21] * cycles, "loss"
    return [
        MetricPoint(metric, step, BEGUN + step, value) for step, value in enumerate(values, start=1)
    ]


class Feed:
    """Hands out the script of every run, a few points at a time."""

    def __init__(self, cycles: int, cursors: Mapping[str, Mapping[str, Bookmark]]) -> None:
        self._left = {f"run-{n}": script(n, cycles) for n in range(RUNS)}
        self._again: dict[str, list[MetricPoint]] = {}
        for run, by_metric in cursors.items():
            judged = max((cursor.step for cursor in by_metric.values()), default=0)
            logged = self._left[run]
            self._left[run] = [point for point in logged if point.step > judged]
            # What rules look back on is handed over again, as the source does.
            self._again[run] = [p for p in logged if _is_missing(p, by_metric.get(p.metric))]

    def __bool__(self) -> bool:
        """Whether any point is left."""
        return any(self._left.values())

    def next(self) -> Observations:
        """Return the next points of every run."""
        updates = []
        for run, points in self._left.items():
            batch, self._left[run] = points[:PER_TICK], points[PER_TICK:]
            if batch:
                facts = RunFacts(run, run, "storm", "RUNNING", BEGUN, has_params=True)
                again = self._again.pop(run, [])
                updates.append(RunUpdate(facts, (*again, *batch), batch[-1].time))
        return Observations(runs=tuple(updates))


def _is_missing(point: MetricPoint, bookmark: Bookmark | None) -> bool:
    window = bookmark.window if bookmark else None
    return window is not None and window.first <= point.step <= window.last


def expected(cycles: int) -> set[News]:
    """Return what happens when nobody is killed."""
    engine = Engine(settings(), MemoryStore(), Outbox(()))
    engine.restore(BEGUN)
    feed, happened = Feed(cycles, {}), list[Transition]()
    while feed:
        happened += engine.tick(feed.next(), BEGUN)
    return {
        News(
            t.key.rule,
            t.key.subject.id,
            t.episode,
            "fired" if t.state == "firing" else "resolved",
        )
        for t in happened
    }


class Webhook:
    """A channel that posts, with the message, which rows it tells."""

    min_severity = Severity.INFO
    match = EVERYTHING

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.rows: list[list[object]] = []
        self._port = port

    def prepare(self) -> None:
        """Be ready at once."""

    def send(self, message: Message) -> Delivery:
        """Post the message; anything but an answer of 200 is a failure."""
        body = json.dumps({"rows": self.rows, "text": message.text}).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("POST", f"/{self.name}", body)
            status = connection.getresponse().status
        except OSError as error:
            return Delivery(Result.FAILED, str(error), uncertain=True)
        finally:
            connection.close()
        if status == http.HTTPStatus.OK:
            return Delivery(Result.DELIVERED)
        return Delivery(Result.FAILED, f"HTTP {status}")


class TalkativeSender(Sender):
    """Lets its webhook know which rows the message is made of."""

    def __init__(self, webhook: Webhook, outbox: Outbox, engine: Engine) -> None:
        super().__init__(webhook, outbox, engine.notice_for)
        self._webhook = webhook

    def _written(self, bundle: Bundle) -> tuple[Bundle, Message | None]:
        bundle, message = super()._written(bundle)
        self._webhook.rows = [
            [row.key.rule, row.key.subject.id, row.episode, row.kind.value] for row in bundle.rows
        ]
        return bundle, message

    def run(self) -> None:
        """Send for ever."""
        while True:
            time.sleep(min(0.005, self.tick(time.time())))


class JournalOutbox(Outbox):
    """Remembers when it was last asked what to store."""

    asked_at = 0.0

    def to_document(self) -> dict[str, Any]:
        """Return what to store."""
        self.asked_at = time.monotonic()
        return super().to_document()


class JournalStore(FileStore):
    """Says, once a document is safe, of which moment it is."""

    outbox: JournalOutbox

    def save(self, document: dict[str, Any]) -> None:
        """Save, and say so."""
        super().save(document)
        say(f"stored {self.outbox.asked_at!r}")


def say(line: str) -> None:
    """Tell the parent at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def weather(state: Path, port: int, cycles: int) -> None:
    """Weather the storm, say that it is over, and wait for the end."""
    webhooks = [Webhook(name, port) for name in CHANNELS]
    outbox = JournalOutbox(webhooks, jitter=lambda: 0.0, pace=PACE)
    store = JournalStore(state)
    store.outbox = outbox
    kept: StateStore = store
    engine = Engine(settings(), kept, outbox)
    engine.restore(BEGUN)
    feed = Feed(cycles, engine.cursors())
    for webhook in webhooks:
        sender = TalkativeSender(webhook, outbox, engine)
        threading.Thread(target=sender.run, daemon=True).start()
    say("ready")
    over = False
    for _ in _forever():
        engine.tick(feed.next(), time.time())
        if not over and not feed and not any(outbox.pending().values()) and not outbox.changed:
            over = True
            say("over")


def _forever() -> Iterator[None]:
    while True:
        yield
        time.sleep(0.002)


def main(state: Path, port: int, cycles: int) -> None:
    """Fork a process for each line of standard input; say its id, and when it is dead."""
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            weather(state, port, cycles)
        say(f"born {child}")
        os.waitpid(child, 0)
        say("dead")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
