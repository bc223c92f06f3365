"""A whole daemon at its most talkative shows no part of any address that it was given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.server import Address
from tests.support.http import request
from tests.support.program import CONSOLE, daemon, environment, eventually, tunewatch
from tests.support.slack_server import Mood, SlackServer, certify, slack_server
from tests.support.smtp_server import Mailbox, smtp_server

CONFIG = """\
thresholds: {max_gpu_memory_pct: 0}
rules: {gpu_memory_high: {for: 0s, severity: critical}}
notify:
  console: true
  heartbeat_url_file: beat
  channels: [{name: ops, url_file: ops}]
"""
FLAGS = ("--nvml.simulate=1", "--config.file=tunewatch.yaml", "--log.level=debug")
TOKENS = ("T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ")
SECRETS = (
    *TOKENS,
    *("hunter2!", "hunter2%21", "p4th-s3cr3t", "qu3ry-s3cr3t", "h34der-s3cr3t"),
    *("m41l-p4ss", "b34t-p4ss", "b34t-uuid-s3cr3t"),
)
PAGES = ("/", "/metrics", "/api/v1/alerts", "/-/ready", "/-/healthy", "/nothing-here")


@pytest.fixture
def server() -> Iterator[SlackServer]:
    with slack_server() as running:
        yield running


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with smtp_server() as running:
        yield running


def addresses(folder: Path, server: SlackServer, mailbox: Mailbox) -> dict[str, str]:
    """Give the folder and the environment every kind of address; return the environment."""
    (folder / "tunewatch.yaml").write_text(CONFIG)
    beat = f"http://ops:b34t-p4ss@{server.address}/b34t-uuid-s3cr3t?q=qu3ry-s3cr3t"
    (folder / "beat").write_text(beat)
    (folder / "ops").write_text(
        f"json://ops:hunter2%21@{server.address}/hook/p4th-s3cr3t"
        "?-key=qu3ry-s3cr3t&+X-Token=h34der-s3cr3t"
    )
    mail = f"mailto://mailuser:m41l-p4ss@127.0.0.1:{mailbox.port}?from=a@example.com"
    authority = certify(server, "hooks.slack.com", folder)
    return environment(
        folder,
        TUNEWATCH_NOTIFY_URLS=f"slack://{'/'.join(TOKENS)} {mail}&to=b@example.com,c@example.com",
        HTTPS_PROXY=f"http://{server.address}",
        REQUESTS_CA_BUNDLE=str(authority),
    )


def attempted(address: Address, outcome: str) -> bool:
    """Whether every channel has been tried once, with this end."""
    page = request(address, "/metrics").text
    channels = ("ops", "slack", "mailto", "mailto/2")
    series = "tunewatch_notifications_total"
    counts = [f'{series}{{channel="{name}",outcome="{outcome}"}} ' for name in channels]
    lines = page.splitlines()
    return all(
        any(line.startswith(count) and not line.endswith(" 0.0") for line in lines)
        for count in counts
    )


@pytest.mark.parametrize(("mood", "outcome"), [("ok", "delivered"), ("broken", "failed")])
def test_nothing_that_a_daemon_shows_holds_a_secret(
    tmp_path: Path, server: SlackServer, mailbox: Mailbox, mood: Mood, outcome: str
) -> None:
    server.mood = mood
    mailbox.refusal = "" if mood == "ok" else "554 m41l-p4ss is no password"
    environ = addresses(tmp_path, server, mailbox)
    with daemon(*FLAGS, cwd=tmp_path, environ=environ) as running:
        address = running.address()
        eventually(lambda: attempted(address, outcome))
        pages = "\n".join(request(address, path).text for path in PAGES)
        (tmp_path / "tunewatch.yaml").write_text(CONFIG + "  nonsense: m41l-p4ss\n")
        pages += request(address, "/-/reload", method="POST").text
        (tmp_path / "tunewatch.yaml").write_text(CONFIG)
        (tmp_path / "ops").write_text("nosuch://us3r:hunter2%21@host/p4th-s3cr3t")
        pages += request(address, "/-/reload", method="POST").text
        running.end()
        running.until("stopping: SIGTERM")
    assert "unknown key 'notify.nonsense'" in pages
    assert "channel 'ops': the file ops is not a URL that Apprise can use" in pages
    used = {post.path.partition("?")[0] for post in server.posts}
    assert {"/hook/p4th-s3cr3t", f"/services/{'/'.join(TOKENS)}"} <= used, "they were in use"
    shown = {
        "pages": pages,
        "log": "\n".join(running.lines),
        "console": (tmp_path / CONSOLE).read_text(),
        "state": (tmp_path / ".local/state/tunewatch/state.json").read_text(),
    }
    assert min(map(len, shown.values())) > 0
    assert [(where, s) for where, text in shown.items() for s in SECRETS if s in text] == []


@pytest.mark.parametrize("command", ["run", "notify"])
@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD",
        "slack://T1JJ3T3L2/A1BRTD4JD/m41l-p4ss!",
        "nosuch://us3r:hunter2!@host/p4th-s3cr3t",
        "T1JJ3T3L2-p4th-s3cr3t",
    ],
)
def test_a_malformed_address_is_said_without_it(tmp_path: Path, command: str, url: str) -> None:
    environ = environment(tmp_path, TUNEWATCH_NOTIFY_URLS=url, TUNEWATCH_LOG_LEVEL="debug")
    done = tunewatch(command, cwd=tmp_path, environ=environ)
    assert done.returncode == 2
    assert "URL 1 in the environment variable TUNEWATCH_NOTIFY_URLS" in done.stderr
    assert [s for s in SECRETS if s in done.stdout + done.stderr] == []


@pytest.mark.parametrize("content", ["ftp://b34t-p4ss/x", "http://b34t-p4ss:b34t-uuid-s3cr3t/"])
def test_a_malformed_heartbeat_is_said_without_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "tunewatch.yaml").write_text("notify: {heartbeat_url_file: beat}")
    (tmp_path / "beat").write_text(content)
    done = tunewatch("run", "--config.file=tunewatch.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "the heartbeat's URL in beat is no web address" in done.stderr
    assert [s for s in SECRETS if s in done.stdout + done.stderr] == []
