"""What really arrives: each message through Apprise, over HTTP and SMTP on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from alerts.model import Severity
from alerts.notify import Message, Result
from alerts.notify.apprise_channel import AppriseChannel
from alerts.notify.as_slack import header
from alerts.notify.message import compose
from alerts.notify.settings import ChannelSettings, Secret
from tests.support.golden import assert_golden
from tests.support.message_cases import FIRING, messages
from tests.support.slack_server import SlackServer, certify, slack_server
from tests.support.smtp_server import Mailbox, smtp_server

GOLDEN = Path(__file__).parent / "golden" / "mails"
TOKENS = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
MESSAGES = messages()
NAME = 'a*b_c<!channel>@here`"&amp;{{app_body}}:skull:'


def channel(url: str) -> AppriseChannel:
    """Return a channel that does not pause between messages, as Apprise does for the vendors."""
    made = AppriseChannel(ChannelSettings("ops", Secret(url), Severity.INFO))
    made.validate()
    made._apprise[0].request_rate_per_sec = 0
    return made


@pytest.fixture
def slack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackServer]:
    """Be hooks.slack.com: the proxy that the real plugin posts through is on loopback."""
    with slack_server() as server:
        authority = certify(server, "hooks.slack.com", tmp_path)
        monkeypatch.setenv("HTTPS_PROXY", f"http://{server.address}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
        yield server


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with smtp_server() as running:
        yield running


def mail_url(mailbox: Mailbox, query: str = "") -> str:
    return f"mailto://127.0.0.1:{mailbox.port}?from=tw@example.com&to=ml@example.com{query}"


def post(server: SlackServer, message: Message, url: str = f"slack://{TOKENS}") -> Any:  # noqa: ANN401 - JSON
    """Send `message`; return what Slack's server was posted."""
    assert channel(url).send(message).result is Result.DELIVERED
    return json.loads(server.posts[-1].body)


def receive(mailbox: Mailbox, message: Message, query: str = "") -> EmailMessage:
    assert channel(mail_url(mailbox, query)).send(message).result is Result.DELIVERED
    return mailbox.messages[-1]


def part(mail: EmailMessage, subtype: str) -> str:
    found = mail.get_body((subtype,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def test_slack_gets_a_header_and_one_section(slack: SlackServer) -> None:
    message = MESSAGES["firing"]
    (attachment,) = post(slack, message)["attachments"]
    title, section = attachment["blocks"]
    assert title == {
        "type": "header",
        "text": {"type": "plain_text", "text": header(message.title), "emoji": False},
    }
    assert section["text"] == {"type": "mrkdwn", "text": message.slack, "verbatim": True}
    assert attachment["fallback"] == header(message.title), "what a phone shows"


def test_slack_posts_nothing_that_a_run_wrote_as_markup(slack: SlackServer) -> None:
    about = FIRING.about
    assert about is not None
    facts = replace(about.facts, name=NAME, experiment=NAME)  # type: ignore[union-attr] # a run
    message = compose(replace(FIRING, about=replace(about, facts=facts)))  # type: ignore[arg-type] # a run
    (attachment,) = post(slack, message)["attachments"]
    title = attachment["blocks"][0]["text"]["text"]
    section = attachment["blocks"][1]["text"]["text"]
    assert title.endswith(
        'a*b_c&lt;\u200b!channel&gt;@\u200bhere\u02cb"&amp;amp;{{app_body}}:skull:'
    )
    assert "Experiment a\u2217b_c&lt;\u200b!channel&gt;@\u200bhere\u02cb" in section
    assert "{{app_body}}\u2236skull:" in section


def test_slack_takes_every_message(slack: SlackServer) -> None:
    for message in MESSAGES.values():
        (attachment,) = post(slack, message)["attachments"]
        title, section = (block["text"]["text"] for block in attachment["blocks"])
        assert 0 < len(title) <= 150
        assert 0 < len(section) <= 3000


def test_slack_by_the_address_that_slack_gives_out(slack: SlackServer) -> None:
    payload = post(slack, MESSAGES["firing"], f"https://hooks.slack.com/services/{TOKENS}")
    assert payload["attachments"][0]["blocks"][1]["text"]["text"] == MESSAGES["firing"].slack


def test_a_template_of_the_users_own_is_kept(slack: SlackServer, tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text('{"blocks": [{"type": "divider"}], "fallback": "{{app_title}}"}')
    payload = post(slack, MESSAGES["firing"], f"slack://{TOKENS}?template={own}")
    assert payload["attachments"][0]["blocks"] == [{"type": "divider"}]


def test_a_slack_workflow_gets_plain_text(slack: SlackServer) -> None:
    url = "https://hooks.slack.com/workflows/T1JJ3T3L2/F1BRTD4JD/1234567/TIiajkdnlazkcOXrIdevi7FQ"
    payload = post(slack, MESSAGES["firing"], url)
    assert payload["text"].startswith("WARNING: eval loss rising, overfit-3: Validation loss")
    assert "What to do: " in payload["text"]


@pytest.mark.parametrize("name", MESSAGES)
def test_mail_has_two_parts_that_say_the_same(mailbox: Mailbox, name: str) -> None:
    message = MESSAGES[name]
    mail = receive(mailbox, message)
    assert mail.get_content_type() == "multipart/alternative"
    assert mail["Subject"] == message.title
    assert mail["Auto-Submitted"] == "auto-generated"
    assert part(mail, "html").rstrip("\n") == message.html
    assert_golden(GOLDEN / f"{name}.txt", part(mail, "plain").rstrip("\n") + "\n")


def test_the_text_part_keeps_addresses_and_columns(mailbox: Mailbox) -> None:
    text = part(receive(mailbox, MESSAGES["firing"]), "plain")
    assert "\nMLflow run: http://mlflow.example:5000/#/experiments/1/runs/" in text
    assert "\nDashboard: https://grafana.example/d/tunewatch-run?var-run_id=" in text
    assert "\ntrain 2.4 █" in text
    assert "\neval  1.2 █" in text
    assert not set("<>") & set(text)


def test_mail_that_is_to_be_text_is_text(mailbox: Mailbox) -> None:
    mail = receive(mailbox, MESSAGES["firing"], "&format=text")
    assert mail.get_content_type() == "text/plain"
    assert "\nMLflow run: http://" in mail.get_content().replace("\r\n", "\n")


def test_what_a_run_is_called_stays_text_in_both_parts(mailbox: Mailbox) -> None:
    name = "<script>alert(1)</script> <b>x</b> &lt;"
    about = FIRING.about
    assert about is not None
    facts = replace(about.facts, name=name)  # type: ignore[union-attr] # a run
    mail = receive(mailbox, compose(replace(FIRING, about=replace(about, facts=facts))))  # type: ignore[arg-type] # a run
    assert mail["Subject"].endswith(name)
    assert name in part(mail, "plain")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &lt;b&gt;x&lt;/b&gt; &amp;lt;" in part(
        mail, "html"
    )
