"""Apprise against real servers on loopback: how each end of a delivery is told apart."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.model import Severity
from alerts.notify import Kind, Message, Result
from alerts.notify.apprise_channel import AppriseChannel
from alerts.notify.settings import ChannelError, ChannelSettings, Secret
from tests.support.slack_server import Mood, SlackServer, certify, slack_server
from tests.support.smtp_server import Mailbox, smtp_server

HOSTILE = "run <!channel> <@U123> @here &lt; <b>bold</b> *stars* `ticks` [a](http://b)"
MESSAGE = Message(
    f"WARNING: plateau, {HOSTILE}",
    f"Value 1, threshold 2.\n\ntrain loss ▁▃█\n{HOSTILE}\n\nplateau · x · #1",
    Severity.WARNING,
    Kind.FIRING,
)
TOKENS = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


def channel(url: str) -> AppriseChannel:
    origin = "the environment variable OPS_URL"
    return AppriseChannel(ChannelSettings("ops", Secret(url), Severity.INFO, origin))


@pytest.fixture
def server() -> Iterator[SlackServer]:
    with slack_server() as running:
        yield running


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with smtp_server() as running:
        yield running


def webhook(server: SlackServer, query: str = "") -> AppriseChannel:
    return channel(f"json://{server.address}/services/s3cr3t-path{query}")


def test_a_webhook_gets_title_text_and_kind(server: SlackServer) -> None:
    delivery = webhook(server).send(MESSAGE)
    assert delivery.result is Result.DELIVERED
    (post,) = server.posts
    assert post.path == "/services/s3cr3t-path"
    body = json.loads(post.body)
    assert body["type"] == "warning"
    assert body["title"].startswith("WARNING: plateau, run <")
    assert "train loss ▁▃█" in body["message"]


@pytest.mark.parametrize(
    ("severity", "kind", "shown"),
    [
        (Severity.INFO, Kind.FIRING, "info"),
        (Severity.CRITICAL, Kind.EVENT, "failure"),
        (Severity.CRITICAL, Kind.RESOLVED, "success"),
    ],
)
def test_the_urgency_is_handed_on(
    server: SlackServer, severity: Severity, kind: Kind, shown: str
) -> None:
    webhook(server).send(Message("title", "text", severity, kind))
    assert json.loads(server.posts[0].body)["type"] == shown


@pytest.mark.parametrize(
    ("mood", "end", "detail"),
    [
        ("rate_limited", (Result.RATE_LIMITED, False), "error=429"),
        ("broken", (Result.FAILED, False), "error=500"),
        ("gone", (Result.REJECTED, False), "error=404"),
        ("forbidden", (Result.REJECTED, False), "error=403"),
        ("reset", (Result.FAILED, True), "Connection error"),
        ("hang", (Result.FAILED, True), "Connection error"),
    ],
)
def test_ends_are_told_apart(
    server: SlackServer, mood: Mood, end: tuple[Result, bool], detail: str
) -> None:
    server.mood = mood
    delivery = webhook(server, "?rto=0.3").send(MESSAGE)
    assert (delivery.result, delivery.uncertain) == end
    assert detail in delivery.detail
    assert "s3cr3t-path" not in delivery.detail
    assert len(server.posts) == 1, "the outbox retries, not Apprise"


def test_nobody_listening_is_a_failure() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        delivery = channel(f"json://127.0.0.1:{port}/").send(MESSAGE)
    assert (delivery.result, delivery.uncertain) == (Result.FAILED, False)
    assert "connection refused" in delivery.detail


def test_a_failure_that_the_url_calls_optional_is_still_one(server: SlackServer) -> None:
    server.mood = "broken"
    assert webhook(server, "?optional=yes").send(MESSAGE).result is Result.FAILED


def test_a_channel_recovers(server: SlackServer) -> None:
    ops = webhook(server)
    server.mood = "broken"
    assert ops.send(MESSAGE).result is Result.FAILED
    server.mood = "ok"
    assert ops.send(MESSAGE).result is Result.DELIVERED


def test_channels_that_hang_hold_up_nobody(server: SlackServer) -> None:
    """More of them than Apprise has threads in the pool that it would share among all."""
    server.mood = "hang"
    hanging = [webhook(server, "?rto=20") for _ in range(40)]
    threads = [threading.Thread(target=ops.send, args=(MESSAGE,), daemon=True) for ops in hanging]
    with slack_server() as healthy:
        ops = webhook(healthy)
        ops.validate()
        for thread in threads:
            thread.start()
        assert ops.send(MESSAGE).result is Result.DELIVERED
        assert any(thread.is_alive() for thread in threads)
    server.stop_hanging.set()
    for thread in threads:
        thread.join(20)


def test_slack_shows_what_a_run_controls_literally(
    server: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real Slack plugin posts to hooks.slack.com; a proxy on loopback is that host here."""
    authority = certify(server, "hooks.slack.com", tmp_path)
    monkeypatch.setenv("HTTPS_PROXY", f"http://{server.address}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    assert channel(f"slack://{TOKENS}").send(MESSAGE).result is Result.DELIVERED
    (post,) = server.posts
    assert post.path == f"/services/{TOKENS}"
    (attachment,) = json.loads(post.body)["attachments"]
    texts = [block["text"]["text"] for block in attachment["blocks"]]
    for text in texts:
        assert not set("<>`") & set(text)
        assert "&lt;\u200b!channel&gt;" in text
        assert "@\u200bhere" in text
        assert "&amp;lt;" in text
    assert "*stars*" not in texts[1], "the section has markup, the header none"
    assert "train loss ▁▃█" in texts[1]


def test_mail_is_plain_text_with_one_subject(mailbox: Mailbox) -> None:
    url = f"mailto://ops:hunter22@127.0.0.1:{mailbox.port}?from=tw@example.com&to=ml@example.com"
    assert channel(url).send(MESSAGE).result is Result.DELIVERED
    (mail,) = mailbox.messages
    assert mail["Subject"].startswith("WARNING: plateau, run <")
    assert mail["To"] == "ml@example.com"
    assert mail.get_content_type() == "text/plain"
    text = mail.get_content()
    assert "train loss ▁▃█" in text
    assert "<b>bold</b>" in text, "as text, which no reader takes for HTML"
    assert "plateau · x · #1" in text


def test_mail_that_the_server_refuses_fails(mailbox: Mailbox) -> None:
    mailbox.refusal = "451 try again later"
    url = f"mailto://127.0.0.1:{mailbox.port}?from=tw@example.com&to=ml@example.com"
    delivery = channel(url).send(MESSAGE)
    assert delivery.result is Result.FAILED
    assert mailbox.messages == []


def test_a_mail_server_that_is_down_got_nothing() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        url = f"mailto://ops:hunter22@127.0.0.1:{port}?from=tw@example.com&to=ml@example.com"
        delivery = channel(url).send(MESSAGE)
    assert (delivery.result, delivery.uncertain) == (Result.FAILED, False)
    assert "connection refused" in delivery.detail


def test_a_wrong_password_is_a_rejection_without_a_word_of_it(
    mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.password = "hunter23"  # noqa: S105 - nobody's
    url = f"mailto://ops:hunter22@127.0.0.1:{mailbox.port}?from=tw@example.com&to=ml@example.com"
    ops = AppriseChannel(ChannelSettings("ops", Secret(url)), sleep=lambda _: None)
    delivery = ops.send(MESSAGE)
    assert (delivery.result, delivery.uncertain) == (Result.REJECTED, False)
    assert "the mail server refuses the login (SMTP 535)" in delivery.detail
    assert "hunter22" not in delivery.detail + caplog.text
    mailbox.password = "hunter22"  # noqa: S105 - as above
    assert ops.send(MESSAGE).result is Result.DELIVERED


@pytest.mark.parametrize("status", [301, 302, 303, 307])
def test_a_redirect_is_no_delivery(server: SlackServer, status: int) -> None:
    """Followed, a POST becomes a GET, and the page that it gets looks like success."""
    server.redirect = status
    delivery = webhook(server).send(MESSAGE)
    assert (delivery.result, delivery.uncertain) == (Result.FAILED, False)
    assert f"error={status}" in delivery.detail
    assert len(server.posts) == 1
    assert server.gets == 0


def test_a_service_keeps_its_pace_by_a_clock_that_nobody_sets(mailbox: Mailbox) -> None:
    clock, naps = [100.0], list[float]()
    url = f"mailto://127.0.0.1:{mailbox.port}?from=tw@example.com&to=ml@example.com"
    settings = ChannelSettings("ops", Secret(url))
    ops = AppriseChannel(settings, monotonic=lambda: clock[0], sleep=naps.append)
    for _ in range(2):
        assert ops.send(MESSAGE).result is Result.DELIVERED
        clock[0] += 2
    clock[0] += 60
    assert ops.send(MESSAGE).result is Result.DELIVERED
    first, second, third = naps
    assert (first, third) == (0, 0)
    assert 1 <= second <= 10, "what Apprise asks for mail, less the two seconds"
    assert ops._apprise[0].request_rate_per_sec == 0, "it is not to sleep by its own clock as well"


BAD_URLS = [
    "slack://T1JJ3T3L2",
    "slack://not/enough",
    "nosuchservice://s3cr3t-token",
    "s3cr3t-token",
    "mailto://",
    "https://example.com/s3cr3t-token",
    "json://",
    "",
]


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_bad_url_is_an_error_that_names_the_channel_only(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(ChannelError) as error:
        channel(url).validate()
    text = str(error.value)
    assert text.startswith("channel 'ops': the environment variable OPS_URL is not a URL that")
    for part in ("s3cr3t", "T1JJ3T3L2", "not/enough"):
        assert part not in text
        assert part not in caplog.text


def test_a_bad_url_found_on_sending_is_rejected_for_good() -> None:
    delivery = channel("nosuchservice://s3cr3t-token").send(MESSAGE)
    assert delivery.result is Result.REJECTED
    assert "channel 'ops'" in delivery.detail
    assert "s3cr3t" not in delivery.detail


def test_a_good_url_is_valid_without_a_connection() -> None:
    channel(f"slack://{TOKENS}").validate()


LAZY = """
import sys
import alerts.notify, alerts.notify.apprise_channel, alerts.outbox.sender, alerts.outbox
from alerts.notify.apprise_channel import AppriseChannel
from alerts.notify.settings import ChannelSettings, Secret
channel = AppriseChannel(ChannelSettings("ops", Secret("json://127.0.0.1/")))
assert "apprise" not in sys.modules and "requests" not in sys.modules
channel.validate()
assert "apprise" in sys.modules
"""


def test_apprise_is_imported_only_when_it_is_needed() -> None:
    subprocess.run([sys.executable, "-c", LAZY], check=True, timeout=50)
