"""Notification secrets reach no log, at any level, whatever is done with them."""

from __future__ import annotations

import io
import logging
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.model import Severity
from alerts.notify import Kind, Message
from alerts.notify.apprise_channel import AppriseChannel
from alerts.notify.redact import MASK, Redactor, install, secret_parts
from alerts.notify.settings import (
    ChannelError,
    ChannelSettings,
    Secret,
    from_environment,
    from_file,
    from_variable,
)
from tests.support.slack_server import Mood, SlackServer, certify, slack_server
from tests.support.smtp_server import smtp_server

MESSAGE = Message("a title", "some text", Severity.WARNING, Kind.FIRING)
SLACK = ("T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ")


class Logs:
    """Everything that is logged, as a handler of the root logger writes it."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.redactor = Redactor()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def channels(self, urls: str) -> list[AppriseChannel]:
        """Return the channels as a process sets them up."""
        settings = from_environment({"TUNEWATCH_NOTIFY_URLS": urls})
        for each in settings:
            self.redactor.learn_url(each.url.reveal())
        return [AppriseChannel(each) for each in settings]


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Log everything from the root at DEBUG, behind the redactor, and put all back after."""
    loggers = [logging.getLogger(name) for name in (None, "apprise", "urllib3")]
    before = [(logger, logger.level, list(logger.filters)) for logger in loggers]
    recording = Logs()
    logging.getLogger().addHandler(recording.handler)
    logging.getLogger().setLevel(logging.DEBUG)
    install(recording.redactor)
    yield recording
    logging.getLogger().removeHandler(recording.handler)
    for handler in logging.getLogger().handlers:
        handler.removeFilter(recording.redactor)
    for logger, level, filters in before:
        logger.setLevel(level)
        logger.filters = filters


@pytest.fixture(params=["vendors calm", "vendors at their most talkative"])
def talkative(request: pytest.FixtureRequest, logs: Logs) -> Logs:
    """Let vendors log at DEBUG and below in one case: the mask must hold by itself."""
    if request.param != "vendors calm":
        logging.getLogger("apprise").setLevel(1)
        logging.getLogger("urllib3").setLevel(1)
    return logs


def leaks(logs: Logs, *secrets: str) -> list[str]:
    return [secret for secret in secrets if secret in logs.text]


@pytest.fixture
def server() -> Iterator[SlackServer]:
    with slack_server() as running:
        yield running


@pytest.mark.parametrize("mood", ["ok", "broken", "gone", "reset", "hang"])
def test_a_generic_webhook(talkative: Logs, server: SlackServer, mood: Mood) -> None:
    server.mood = mood
    secrets = ("hunter2!", "p4th-s3cr3t", "qu3ry-s3cr3t", "h34der-s3cr3t")
    (ops,) = talkative.channels(
        f"json://ops:hunter2%21@{server.address}/hook/p4th-s3cr3t"
        "?-key=qu3ry-s3cr3t&+X-Token=h34der-s3cr3t&rto=0.3"
    )
    delivery = ops.send(MESSAGE)
    assert len(server.posts) == 1, "the secrets were in use"
    assert "qu3ry-s3cr3t" in server.posts[0].path
    assert talkative.text, "something was logged"
    assert leaks(talkative, *secrets, "hunter2%21") == []
    assert not [secret for secret in secrets if secret in delivery.detail]


@pytest.mark.parametrize("mood", ["ok", "broken"])
@pytest.mark.parametrize(
    "url", ["slack://{}/{}/{}/#general", "https://hooks.slack.com/services/{}/{}/{}"]
)
def test_slack(
    talkative: Logs,
    server: SlackServer,
    mood: Mood,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = certify(server, "hooks.slack.com", tmp_path)
    monkeypatch.setenv("HTTPS_PROXY", f"http://{server.address}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    server.mood = mood
    (ops,) = talkative.channels(url.format(*SLACK))
    ops.send(MESSAGE)
    assert server.posts[0].path == "/services/" + "/".join(SLACK)
    assert leaks(talkative, *SLACK) == []


@pytest.mark.parametrize("refusal", ["", "554 no", "535 authentication failed"])
def test_mail(talkative: Logs, refusal: str) -> None:
    with smtp_server() as mailbox:
        mailbox.refusal = refusal
        (ops,) = talkative.channels(
            f"mailto://mailuser:m41l-p4ss@127.0.0.1:{mailbox.port}?from=a@example.com&to=b@example.com"
        )
        ops.send(MESSAGE)
    assert talkative.text
    assert leaks(talkative, "m41l-p4ss") == []


def test_the_detail_of_a_delivery_is_masked_without_any_filter() -> None:
    with smtp_server() as mailbox:
        mailbox.refusal = "554 no"
        url = (
            f"mailto://u:swordfish@127.0.0.1:{mailbox.port}"
            "?from=a@example.com&to=swordfish@example.com"
        )
        detail = AppriseChannel(ChannelSettings("ops", Secret(url))).send(MESSAGE).detail
    assert MASK in detail
    assert "swordfish" not in detail


MALFORMED = {
    "slack://T1JJ3T3L2/A1BRTD4JD": ("T1JJ3T3L2", "A1BRTD4JD"),
    "slack://T1JJ3T3L2/A1BRTD4JD/way-too-short!": ("T1JJ3T3L2", "A1BRTD4JD", "way-too-short"),
    "slack://xoxb-1234-1234-abc124": ("xoxb-1234", "abc124"),
    "nosuch://us3r:p4ssw0rd@host/p4th-s3cr3t": ("p4ssw0rd", "p4th-s3cr3t"),
    "mailto://us3r:p4ss/w0rd-x@127.0.0.1:9": ("w0rd-x",),
    "mailto://us3r:p4ss@w0rd-x@127.0.0.1:9": ("p4ss", "w0rd-x"),
    "discord://webhook-id-1234": ("webhook-id-1234",),
    "just-a-t0ken-without-scheme": ("just-a-t0ken",),
    "tgram://123456789:abcdefg_hijklmnop": ("123456789", "abcdefg_hijklmnop"),
    "json://[::bad/s3cr3t-path": ("s3cr3t-path",),
}


@pytest.mark.parametrize("url", MALFORMED)
def test_malformed_urls(talkative: Logs, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Apprise takes for a URL after all is sent, to a proxy that does not exist."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    (ops,) = talkative.channels(url)
    problem = ""
    try:
        ops.validate()
    except ChannelError as error:
        logging.getLogger("tunewatch.test").exception("cannot use %s", url)
        problem = str(error)
    else:
        problem = ops.send(MESSAGE).detail
    assert problem
    assert not [secret for secret in MALFORMED[url] if secret in problem]
    assert leaks(talkative, *MALFORMED[url]) == []


def test_arguments_exceptions_and_stacks_are_masked(logs: Logs) -> None:
    logs.redactor.learn("swordfish")
    log = logging.getLogger("tunewatch.test")
    log.warning("%s and %d", "swordfish", 5)
    log.warning("plain swordfish")
    log.warning("a broken format %d", "swordfish")
    log.warning("with a stack: %s", "swordfish", stack_info=True)
    try:
        int("swordfish")
    except ValueError:
        log.exception("it failed")
    assert f"{MASK} and 5" in logs.text
    assert f"ValueError: invalid literal for int() with base 10: '{MASK}'" in logs.text
    assert "swordfish" not in logs.text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("POST /services/T0AAA/B0BBB/XXXX now", f"POST /services/{MASK} now"),
        ("https://hooks.slack.com/services/T/B/x.", f"https://hooks.slack.com/{MASK}"),
        ("token xoxb-12-ab-CD!", f"token {MASK}!"),
        ("http://ops:pw@host/x", f"http://{MASK}@host/x"),
        ("smtp://a:p@ss@host", f"smtp://{MASK}@host"),
        ("nothing http://host/x?y=z@w", "nothing http://host/x?y=z@w"),
    ],
)
def test_what_looks_like_a_secret_is_masked_without_knowing_it(text: str, masked: str) -> None:
    assert Redactor().mask(text) == masked


def test_spellings_of_a_secret() -> None:
    redactor = Redactor()
    redactor.learn("p@ss w/rd")
    for spelling in ("p@ss w/rd", "p%40ss%20w%2Frd", "p%40ss+w%2Frd", "p%40ss%20w/rd"):
        assert redactor.mask(f"<{spelling}>") == f"<{MASK}>"


def test_of_two_secrets_the_longer_is_masked_whole() -> None:
    redactor = Redactor()
    redactor.learn("abcdef", "abcdef-ghij", "abc")
    assert redactor.mask("x abcdef-ghij y") == f"x {MASK} y"


def test_a_handler_of_the_vendors_own_logger_is_covered(logs: Logs) -> None:
    logs.redactor.learn("swordfish")
    vendor, stream = logging.getLogger("apprise"), io.StringIO()
    handler = logging.StreamHandler(stream)
    vendor.addHandler(handler)
    vendor.warning("a token: %s", "swordfish")
    vendor.removeHandler(handler)
    assert stream.getvalue() == f"a token: {MASK}\n"


def test_words_that_hide_nothing_stay_readable() -> None:
    parts = set(secret_parts("json://localhost:9093/services/webhook?format=markdown&cto=5"))
    assert not parts & {"localhost", "services", "webhook", "markdown"}
    relay = "mailto://user:m41l-p4ss@127.0.0.1:25?from=a@example.com&to=b@example.com"
    assert not {"127.0.0.1", "example.com"} & set(secret_parts(relay))
    assert "mail.example.com" not in set(secret_parts("mailto://u@mail.example.com"))


def test_learning_nothing_masks_nothing() -> None:
    redactor = Redactor()
    redactor.learn("")
    assert redactor.mask("abc") == "abc"


def test_installing_twice_filters_once(logs: Logs) -> None:
    install(logs.redactor)
    assert logs.handler.filters == [logs.redactor]
    assert logging.getLogger("apprise").level == logging.INFO
    assert logging.getLogger("urllib3").level == logging.WARNING


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("swordfish")
    assert secret.reveal() == "swordfish"
    assert "swordfish" not in f"{secret} {secret!r} {[secret]}"
    assert secret == Secret("swordfish") != Secret("marlin")
    assert pickle.loads(pickle.dumps(secret)) == secret  # noqa: S301 - our own bytes


def test_urls_of_the_environment() -> None:
    urls = " slack://a/b/c\n\tmailto://u@h slack://d/e/f  no-scheme json://x "
    settings = from_environment({"TUNEWATCH_NOTIFY_URLS": urls}, taken=["json"])
    assert [each.name for each in settings] == ["slack", "mailto", "slack-2", "env-4", "json-2"]
    assert settings[2].origin == "URL 3 in the environment variable TUNEWATCH_NOTIFY_URLS"
    assert settings[2].url.reveal() == "slack://d/e/f"
    assert "d/e/f" not in repr(settings)
    assert from_environment({}) == ()


def test_the_url_of_a_variable() -> None:
    settings = from_variable("ops", "OPS_URL", {"OPS_URL": " json://x \n"}, Severity.CRITICAL)
    assert (settings.name, settings.url.reveal()) == ("ops", "json://x")
    assert settings.min_severity is Severity.CRITICAL
    with pytest.raises(ChannelError, match="channel 'ops': the environment variable OPS_URL is"):
        from_variable("ops", "OPS_URL", {"OPS_URL": " "})


def test_the_url_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("json://x\n")
    assert from_file("ops", path).url.reveal() == "json://x"
    assert from_file("ops", path).origin == f"the file {path}"
    path.write_bytes(b"\xff")
    with pytest.raises(ChannelError, match="not UTF-8"):
        from_file("ops", path)
    path.write_text("json://s3cr3t\njson://y\n")
    with pytest.raises(ChannelError, match="one Apprise URL on one line") as error:
        from_file("ops", path)
    assert "s3cr3t" not in str(error.value)
    with pytest.raises(ChannelError, match=r"cannot read .*absent: No such file"):
        from_file("ops", tmp_path / "absent")
