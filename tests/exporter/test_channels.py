"""Whom to tell: channels from the file, from the environment, and the console without any."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from alerts.model import Severity
from alerts.notify.apprise_channel import AppriseChannel
from alerts.notify.channel import Channel
from alerts.notify.console import ConsoleChannel
from alerts.notify.redact import Redactor
from alerts.notify.settings import VARIABLE, ChannelError
from alerts.thresholds import ChannelEntry, Notify
from exporter.app.channels import open_channels, plan

WEBHOOK = "json://user:hunter2@127.0.0.1:9/hook"
SLACK = "slack://TokenAAAAA/TokenBBBBB/TokenCCCCCCCCCCCCCCCCCCCC"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


def opened(notify: Notify, redactor: Redactor, **environ: str) -> tuple[Channel, ...]:
    return open_channels(notify, environ, redactor)


def entry(name: str = "team", **fields: str | Severity | None) -> ChannelEntry:
    return ChannelEntry.model_validate({"name": name, "url_env": "TEAM_URL", **fields})


def names(channels: tuple[Channel, ...]) -> list[str]:
    return [channel.name for channel in channels]


def test_without_any_channel_the_console_is_told(redactor: Redactor) -> None:
    (channel,) = opened(Notify(), redactor)
    assert isinstance(channel, ConsoleChannel)


def test_who_wants_silence_gets_it(redactor: Redactor) -> None:
    assert opened(Notify(console=False), redactor) == ()


def test_channels_come_from_the_file_and_from_the_environment(
    redactor: Redactor, tmp_path: Path
) -> None:
    secret = tmp_path / "url"
    secret.write_text(f"{WEBHOOK}\n")
    by_file = ChannelEntry(name="pager", url_file=str(secret), min_severity=Severity.CRITICAL)
    notify = Notify(channels=(entry(), by_file))
    channels = opened(notify, redactor, TEAM_URL=SLACK, **{VARIABLE: f"{WEBHOOK} {SLACK}"})
    assert names(channels) == ["team", "pager", "json", "slack"]
    assert all(isinstance(channel, AppriseChannel) for channel in channels)
    assert [c.min_severity for c in channels] == ["info", "critical", "info", "info"]


def test_the_console_may_be_told_as_well(redactor: Redactor) -> None:
    notify = Notify(channels=(entry(),), console=True)
    assert names(opened(notify, redactor, TEAM_URL=WEBHOOK)) == ["team", "console"]


def test_two_channels_never_share_a_name(redactor: Redactor) -> None:
    notify = Notify(channels=(entry("json"),))
    assert names(opened(notify, redactor, TEAM_URL=WEBHOOK, **{VARIABLE: WEBHOOK})) == [
        "json",
        "json-2",
    ]
    taken = Notify(channels=(entry("console"),), console=True)
    with pytest.raises(ChannelError, match="the console itself goes by this name"):
        opened(taken, redactor, TEAM_URL=WEBHOOK)


@pytest.mark.parametrize(
    ("notify", "environ", "problem"),
    [
        (
            Notify(channels=(entry(),)),
            {},
            "channel 'team': the environment variable TEAM_URL is not set",
        ),
        (
            Notify(channels=(ChannelEntry(name="team", url_file="/no/such/file"),)),
            {},
            "channel 'team': cannot read /no/such/file: No such file",
        ),
        (
            Notify(channels=(entry(),)),
            {"TEAM_URL": "slak://TokenAAAAA/TokenBBBBB"},
            "channel 'team': the environment variable TEAM_URL is not a URL that Apprise can use",
        ),
        (Notify(), {VARIABLE: "hunter2"}, "channel 'env-1': URL 1 in the environment variable"),
    ],
)
def test_a_channel_without_a_usable_address_is_named_without_it(
    notify: Notify, environ: dict[str, str], problem: str, redactor: Redactor
) -> None:
    with pytest.raises(ChannelError) as caught:
        open_channels(notify, environ, redactor)
    assert problem in str(caught.value)
    assert "Token" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_log_learns_every_address(redactor: Redactor, caplog: pytest.LogCaptureFixture) -> None:
    opened(Notify(channels=(entry(),)), redactor, TEAM_URL=SLACK, **{VARIABLE: WEBHOOK})
    caplog.handler.addFilter(redactor)
    try:
        logging.getLogger("vendor").warning("cannot reach %s nor %s", SLACK, WEBHOOK)
    finally:
        caplog.handler.removeFilter(redactor)
    assert "***" in caplog.text
    assert "Token" not in caplog.text
    assert "hunter2" not in caplog.text


def test_mail_has_a_channel_for_each_recipient(redactor: Redactor) -> None:
    mail = "mailto://user:hunter2@example.com?to=a@example.com,b@example.com,c@example.com"
    by_entry = entry("post", min_severity="warning")
    channels = opened(Notify(channels=(by_entry,)), redactor, TEAM_URL=mail, **{VARIABLE: mail})
    assert names(channels) == ["post", "post/2", "post/3", "mailto", "mailto/2", "mailto/3"]
    assert {c.min_severity for c in channels[:3]} == {Severity.WARNING}


def test_a_channel_gets_its_globs(redactor: Redactor) -> None:
    wanting = ChannelEntry.model_validate(
        {"name": "team", "url_env": "TEAM_URL", "match": {"experiments": ["prod-*"]}}
    )
    (channel,) = opened(Notify(channels=(wanting,)), redactor, TEAM_URL=WEBHOOK)
    assert channel.match.takes("plateau", "prod-7b")
    assert not channel.match.takes("plateau", "test")


def test_alertmanager_tells_where_it_is_asked_to(redactor: Redactor) -> None:
    notify = Notify(via="prometheus", channels=(entry(),), console=True)
    prepared = plan(notify, {VARIABLE: WEBHOOK}, redactor)
    assert prepared.channels == (), "its addresses need not even be there"


def test_the_pace_and_the_heartbeat_are_settings(redactor: Redactor) -> None:
    notify = Notify.model_validate(
        {"heartbeat_url_env": "BEAT", "repeat": {"warning": "1h", "critical": "0s"}}
    )
    prepared = plan(notify, {"BEAT": "https://hc.example/s3cr3t-uuid"}, redactor)
    assert (prepared.pace.repeat, prepared.pace.repeat_critical) == (3600, 0)
    assert prepared.heartbeat is not None
    assert "s3cr3t" not in redactor.mask(f"cannot call {prepared.heartbeat.reveal()}")
    assert "s3cr3t" not in repr(prepared)


def test_a_heartbeat_without_an_address_is_a_mistake(redactor: Redactor) -> None:
    with pytest.raises(ChannelError, match="heartbeat_url_env: the environment variable BEAT is"):
        plan(Notify(heartbeat_url_env="BEAT"), {}, redactor)


def test_what_stays_as_it_is_is_not_opened_anew(redactor: Redactor) -> None:
    before = Notify(channels=(entry("a"), entry("b")), console=True)
    environ = {"TEAM_URL": WEBHOOK}
    first = plan(before, environ, redactor).channels
    after = Notify(channels=(entry("a"), entry("b", min_severity="critical")), console=True)
    second = plan(after, environ, redactor, first).channels
    assert [new is old for new, old in zip(second, first, strict=True)] == [True, False, True]
    third = plan(after, {"TEAM_URL": SLACK}, redactor, second).channels
    assert [new is old for new, old in zip(third, second, strict=True)] == [False, False, True]
