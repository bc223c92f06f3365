"""The default channel: readable by people, in colour only where it helps."""

from __future__ import annotations

import io
import os
import pty
from pathlib import Path

import pytest

from alerts.model import Severity
from alerts.notify import Kind, Message, Result
from alerts.notify.console import ConsoleChannel
from tests.support.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden"
FIRING = Message(
    "CRITICAL: nonfinite, overfit-3",
    "grad_norm is NaN.\n\ntrain loss ▁▃█\n\nWhat to do: stop.\n\nnonfinite · overfit-3 · #1",
    Severity.CRITICAL,
    Kind.FIRING,
)
RESOLVED = Message("RESOLVED: nonfinite", "It recovered.", Severity.CRITICAL, Kind.RESOLVED)


def test_a_message_is_a_block_of_its_own() -> None:
    stream = io.StringIO()
    channel = ConsoleChannel(stream)
    for message in (FIRING, RESOLVED):
        assert channel.send(message).result is Result.DELIVERED
    assert_golden(GOLDEN / "console.txt", stream.getvalue())


def on_terminal(message: Message) -> bytes:
    """Return what a terminal receives."""
    ours, theirs = pty.openpty()
    with open(theirs, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor, not a path
        assert ConsoleChannel(stream).send(message).result is Result.DELIVERED
        received = os.read(ours, 10_000)
    os.close(ours)
    return received


@pytest.mark.parametrize(
    ("severity", "kind", "colour"),
    [
        (Severity.INFO, Kind.FIRING, b"\x1b[1;36m"),
        (Severity.WARNING, Kind.EVENT, b"\x1b[1;33m"),
        (Severity.CRITICAL, Kind.ESCALATED, b"\x1b[1;31m"),
        (Severity.CRITICAL, Kind.RESOLVED, b"\x1b[1;32m"),
        (Severity.WARNING, Kind.FIRED_AND_RESOLVED, b"\x1b[1;32m"),
    ],
)
def test_a_terminal_shows_the_title_in_colour(
    severity: Severity, kind: Kind, colour: bytes
) -> None:
    received = on_terminal(Message("a title", "some text", severity, kind))
    assert received.startswith(colour + b"a title\x1b[0m\r\n")
    assert received.endswith(b"  some text\r\n\r\n")


def test_a_stream_that_lacks_the_characters_gets_question_marks() -> None:
    raw = io.BytesIO()
    channel = ConsoleChannel(io.TextIOWrapper(raw, encoding="ascii"))
    assert channel.send(FIRING).result is Result.DELIVERED
    assert b"train loss ???" in raw.getvalue()


def test_a_closed_stream_is_a_failed_delivery() -> None:
    stream = io.StringIO()
    stream.close()
    delivery = ConsoleChannel(stream).send(FIRING)
    assert delivery.result is Result.FAILED
    assert "closed file" in delivery.detail


def test_a_reader_that_left_is_a_failed_delivery() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = open(writer, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - a descriptor; closing raises
    delivery = ConsoleChannel(stream).send(FIRING)
    assert delivery.result is Result.FAILED
    assert "Broken pipe" in delivery.detail
    with pytest.raises(BrokenPipeError):
        stream.close()
