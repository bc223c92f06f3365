"""Why a delivery failed, read from what vendors say to themselves."""

from __future__ import annotations

import logging

import pytest

from alerts.notify.apprise_causes import Cause, CauseLogger, cause

LOGIN = Cause("the mail server refuses the login (SMTP 535)", rejected=True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Socket Exception: (535, b'5.7.8 no s3cr3t')", LOGIN),
        ("Socket Exception: (454, b'4.7.0 later')", Cause("the mail server answers SMTP 454")),
        ("Socket Exception: (421, b'busy')", Cause("the mail server answers SMTP 421")),
        ("Socket Exception: [Errno 111] Connection refused", Cause("connection refused")),
        (
            "Socket Exception: Max retries with url: /s3cr3t (ConnectTimeoutError('late'))",
            Cause("connecting took too long"),
        ),
        ("Socket Exception: Read timed out. (read timeout=5)", Cause("timed out", sent=True)),
        ("Socket Exception: something new about s3cr3t", None),
        ("Socket Exception: ", None),
    ],
)
def test_a_cause_is_told_in_our_words(text: str, found: Cause | None) -> None:
    assert cause(text) == found


def test_a_logger_that_listens_hands_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    logger = CauseLogger(logging.getLogger("vendor"))
    logger.debug("Socket Exception: %s", "(535, b'no')")
    logger.debug("(530, b'this is a payload')")
    logger.debug("Socket Exception: 100 % sure")
    logger.warning("a %s", "warning")  # type: ignore[operator]  # whatever a logger has
    assert logger.cause == LOGIN
    assert [record.message for record in caplog.records] == [
        "Socket Exception: (535, b'no')",
        "(530, b'this is a payload')",
        "Socket Exception: 100 % sure",
        "a warning",
    ]
