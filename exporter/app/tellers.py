"""The workers that reach people: a sender for each channel, and the heartbeat."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from alerts.notify.channel import Channel
from alerts.notify.heartbeat import Heartbeat
from alerts.notify.notice import Notice
from alerts.notify.redact import Redactor
from alerts.notify.settings import Secret
from alerts.outbox import Outbox, Row
from alerts.outbox.sender import Sender
from alerts.thresholds import Notify
from exporter.app.channels import Plan, plan
from exporter.daemon import Crew, Worker


class Tellers:
    """Tells people by settings that may change while running.

    Raises alerts.notify.settings.ChannelError when the settings cannot be used.
    """

    def __init__(self, notify: Notify, environ: Mapping[str, str], redactor: Redactor) -> None:
        self._environ = environ
        self._redactor = redactor
        self._plan = plan(notify, environ, redactor)
        self._notice_for: Callable[[Row], Notice | None] = lambda _row: None
        self._may_send: Callable[[], bool] = lambda: True
        self._on_told: Callable[[], None] = lambda: None
        self._crew: Crew | None = None
        self._senders: dict[str, tuple[Channel, Worker]] = {}
        self._heartbeat: tuple[Secret, Heartbeat, Worker] | None = None
        self.outbox = Outbox(self._plan.channels, pace=self._plan.pace)

    def begin(
        self,
        notice_for: Callable[[Row], Notice | None],
        crew: Crew,
        may_send: Callable[[], bool] = lambda: True,
        on_told: Callable[[], None] = lambda: None,
    ) -> None:
        """Tell what the outbox holds from now on.

        `notice_for` says what a row is about, `may_send` right before each message whether we may;
        `on_told` is called after each, since what is not stored as told may be told again.
        """
        self._notice_for, self._crew = notice_for, crew
        self._may_send, self._on_told = may_send, on_told
        self._employ()

    def end(self) -> None:
        """Begin no further message; one that is under way is not waited for."""
        crew, self._crew = self._crew, None
        if crew is None:
            return
        for _, worker in self._senders.values():
            crew.remove(worker)
        if self._heartbeat is not None:
            crew.remove(self._heartbeat[2])

    def prepare(self, notify: Notify) -> Plan:
        """Check other settings, which changes nothing yet; raises ChannelError as at the start."""
        return plan(notify, self._environ, self._redactor, self._plan.channels)

    def adopt(self, prepared: Plan, now: float) -> None:
        """Tell by other settings from now on.

        A channel that stays as it is keeps its worker. What is under way through one that goes is
        not waited for, so it may be told once more through another.
        """
        self._plan = prepared
        self.outbox.configure(prepared.channels, prepared.pace, now)
        self._employ()

    def wake(self) -> None:
        """Let every sender look at once."""
        for _, worker in tuple(self._senders.values()):
            worker.wake()

    def heartbeats(self) -> Mapping[str, int]:
        """Return how many heartbeats ended how; nothing where none is configured."""
        heartbeat = self._heartbeat
        return heartbeat[1].outcomes() if heartbeat else {}

    def _employ(self) -> None:
        """Let workers go whose channel is gone or another, and add those that are missing."""
        crew = self._crew
        if crew is None:
            return
        wanted = {channel.name: channel for channel in self._plan.channels}
        for name, (channel, worker) in list(self._senders.items()):
            if wanted.get(name) is not channel:
                crew.remove(worker)
                del self._senders[name]
        for name in wanted.keys() - self._senders.keys():
            channel = wanted[name]
            sender = Sender(
                channel, self.outbox, self._notice_for, time.monotonic, may_send=self._may_send
            )
            worker = Worker(f"notify-{name}", partial(self._tell, sender))
            self._senders[name] = wanted[name], worker
            crew.add(worker)
        self._employ_heartbeat(crew)

    def _tell(self, sender: Sender, now: float) -> float:
        delay = sender.tick(now)
        if not delay:
            self._on_told()
        return delay

    def _employ_heartbeat(self, crew: Crew) -> None:
        url = self._plan.heartbeat
        if self._heartbeat is not None and self._heartbeat[0] != url:
            crew.remove(self._heartbeat[2])
            self._heartbeat = None
        if url is not None and self._heartbeat is None:
            heartbeat = Heartbeat(url, lambda: crew.problems(time.monotonic()))
            worker = Worker("heartbeat", heartbeat.tick)
            self._heartbeat = url, heartbeat, worker
            crew.add(worker)
