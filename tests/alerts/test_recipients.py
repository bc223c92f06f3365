"""One mail for each recipient, and all of it as the URL said."""

from __future__ import annotations

import apprise
import pytest

from alerts.model import Severity
from alerts.notify import Kind, Message, Result
from alerts.notify.apprise_channel import AppriseChannel
from alerts.notify.recipients import by_recipient
from alerts.notify.settings import ChannelSettings, Secret
from tests.support.smtp_server import smtp_server

MESSAGE = Message("a title", "some text", Severity.WARNING, Kind.FIRING)
SPLIT = {
    "mailto://u:p@example.com/a@x.com/b@y.com": 2,
    "mailto://u:p@example.com/a@x.com/b@y.com/": 2,
    "mailto://u:p@example.com?to=a@x.com,b@y.com": 2,
    "mailtos://u:p@example.com/a@x.com/?to=b@y.com, c@z.com": 3,
    "mailto://u:p@example.com/a@x.com/b@y.com/?to=a@x.com": 2,
    "mailto://u:p%2Fw%40rd@example.com/a%40x.com/b%40y.com": 2,
    "mailto://127.0.0.1:25?from=t@e.com&to=Ann%20B%20%3Ca@x.com%3E,b@y.com": 2,
    "MAILTO://u:p@example.com?TO=a@x.com,b@y.com&name=Bob&smtp=mail.example.com": 2,
}
WHOLE = [
    "mailto://u:p@example.com",
    "mailto://u:p@example.com/a@x.com",
    "mailto://u:p@example.com?to=a@x.com&cc=b@y.com,c@z.com",
    "mailto://u:p/w@rd@example.com",
    "mailto://u:p@example.com/a@x.com?to=b@y.com c@z.com",
    "mailto://",
    "slack://TokenA/TokenB/TokenC/#a/#b",
    "json://example.com/a@x.com/b@y.com",
    "not a URL, a@x.com, b@y.com",
    "",
]


def service(url: str) -> apprise.NotifyBase:
    found = apprise.Apprise.instantiate(url)
    assert found is not None
    return found


@pytest.mark.parametrize(("url", "count"), SPLIT.items())
def test_each_recipient_has_a_url(url: str, count: int) -> None:
    urls = by_recipient(url)
    assert len(urls) == count
    whole, parts = service(url), [service(part) for part in urls]
    assert [target for part in parts for target in part.targets] == list(
        dict.fromkeys(whole.targets)
    )
    for part in parts:
        assert len(part.targets) == 1
        assert (part.from_addr, part.host, part.port, part.user, part.password) == (
            whole.from_addr,
            whole.host,
            whole.port,
            whole.user,
            whole.password,
        )
        assert (part.smtp_host, part.secure) == (whole.smtp_host, whole.secure)


@pytest.mark.parametrize("url", WHOLE)
def test_any_other_url_stays_as_it_is(url: str) -> None:
    assert by_recipient(url) == (url,)


def test_copies_go_out_once() -> None:
    urls = by_recipient("mailto://u:p@example.com?to=a@x.com,b@y.com&cc=c@z.com&bcc=d@z.com")
    assert [(part.cc, part.bcc) for part in map(service, urls)] == [
        ({"c@z.com"}, {"d@z.com"}),
        (set(), set()),
    ]


def test_a_recipient_whom_the_server_refuses_costs_the_others_nothing() -> None:
    with smtp_server() as mailbox:
        url = f"mailto://127.0.0.1:{mailbox.port}?from=t@example.com&to=a@x.com,b@y.com"
        channels = [
            AppriseChannel(ChannelSettings(f"ops/{place}", Secret(part)))
            for place, part in enumerate(by_recipient(url))
        ]
        mailbox.refusal = "451 not now"
        first = channels[0].send(MESSAGE)
        mailbox.refusal = ""
        second = channels[1].send(MESSAGE)
        assert (first.result, second.result) == (Result.FAILED, Result.DELIVERED)
        assert [mail["To"] for mail in mailbox.messages] == ["b@y.com"]
        assert channels[0].send(MESSAGE).result is Result.DELIVERED
        assert [mail["To"] for mail in mailbox.messages] == ["b@y.com", "a@x.com"]
