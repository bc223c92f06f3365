"""Whom a running process tells: senders and the heartbeat come and go with the configuration."""

from __future__ import annotations

import pytest

from alerts.model import Severity
from alerts.notify import Notice
from alerts.notify.redact import Redactor
from alerts.notify.settings import ChannelError
from alerts.outbox import Row
from alerts.thresholds import Notify
from exporter.app.tellers import Tellers
from exporter.daemon import Worker
from tests.support.notices import NOW, run_context, transition

BEAT = {"BEAT": "http://127.0.0.1:9/x", "OTHER": "http://127.0.0.1:9/y"}
CONSOLE = Notify(console=True)
NOBODY = Notify(console=False)


class Crew:
    """Employs workers without letting them work."""

    def __init__(self) -> None:
        self.workers: list[Worker] = []
        self.gone: list[Worker] = []

    def add(self, worker: Worker) -> None:
        self.workers.append(worker)

    def remove(self, worker: Worker) -> None:
        self.workers.remove(worker)
        self.gone.append(worker)

    def problems(self, now: float) -> list[str]:
        return [] if now else ["nobody asks at zero"]

    @property
    def names(self) -> list[str]:
        return [worker.name for worker in self.workers]


def notice_for(row: Row) -> Notice:
    return Notice(row.kind, transition(key=row.key), run_context())


def begun(notify: Notify) -> tuple[Tellers, Crew]:
    tellers, crew = Tellers(notify, BEAT, Redactor()), Crew()
    tellers.begin(notice_for, crew)
    return tellers, crew


def change(tellers: Tellers, notify: Notify) -> None:
    tellers.adopt(tellers.prepare(notify), NOW)


def with_heartbeat(variable: str) -> Notify:
    return Notify(console=True, heartbeat_url_env=variable)


def test_a_sender_for_each_channel_tells_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    tellers, crew = begun(CONSOLE)
    assert crew.names == ["notify-console"]
    tellers.outbox.enqueue(transition(severity=Severity.CRITICAL), NOW)
    tellers.outbox.mark_stored(tellers.outbox.to_document())
    crew.workers[0].step()
    assert "eval_loss_rising · overfit-3 · #1" in capsys.readouterr().out


def test_what_stays_keeps_its_worker() -> None:
    tellers, crew = begun(CONSOLE)
    (worker,) = crew.workers
    change(tellers, Notify(console=True, via="apprise"))
    assert crew.workers == [worker]
    assert crew.gone == []


def test_channels_come_and_go() -> None:
    tellers, crew = begun(CONSOLE)
    change(tellers, NOBODY)
    assert crew.names == []
    assert tellers.outbox.pending() == {}
    change(tellers, CONSOLE)
    assert crew.names == ["notify-console"]
    change(tellers, Notify(via="prometheus", console=True))
    assert crew.names == []


def test_the_heartbeat_comes_changes_and_goes() -> None:
    tellers, crew = begun(CONSOLE)
    assert tellers.heartbeats() == {}
    change(tellers, with_heartbeat("BEAT"))
    assert crew.names == ["notify-console", "heartbeat"]
    assert tellers.heartbeats() == {"delivered": 0, "failed": 0, "withheld": 0}
    first = crew.workers[1]
    change(tellers, with_heartbeat("BEAT"))
    assert crew.workers[1] is first
    change(tellers, with_heartbeat("OTHER"))
    assert crew.gone == [first]
    change(tellers, CONSOLE)
    assert crew.names == ["notify-console"]


def test_the_heartbeat_goes_on_where_alertmanager_tells() -> None:
    _, crew = begun(Notify(via="prometheus", heartbeat_url_env="BEAT"))
    assert crew.names == ["heartbeat"]


def test_settings_that_cannot_be_used_change_nothing() -> None:
    tellers, crew = begun(CONSOLE)
    with pytest.raises(ChannelError):
        tellers.prepare(Notify(heartbeat_url_env="ABSENT"))
    assert crew.names == ["notify-console"]
    assert tellers.outbox.pending() == {"console": 0}


def test_what_waits_for_a_channel_that_goes_is_not_lost_in_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tellers, _ = begun(CONSOLE)
    tellers.outbox.enqueue(transition(event=True), NOW)
    change(tellers, NOBODY)
    assert "channel console is gone: event of eval_loss_rising" in caplog.text
    assert "goes to: nobody" in caplog.text
    change(tellers, CONSOLE)
    assert tellers.outbox.pending() == {"console": 0}
