"""Log lines that nobody can forge and that hold no secret."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.notify.redact import Redactor, install
from exporter import logs
from exporter.logs import JsonLines, Logfmt

LOGFMT = re.compile(r'(?:[a-z]+=(?:"(?:[^"\\]|\\.)*"|[^\s"=\\]+)(?: |$))+')
FORGED = [
    'x\ntime=2026-01-01 level=error msg="all is lost"',
    'name" level=error msg="forged',
    "carriage\rreturn",
    "bell\x07 escape\x1b[31m delete\x7f",
    "c1 \x9b31m nel \x85 separators \u2028\u2029",
    "right\u202eleft",
    "back\\slash=equal",
    "lone \ud800 surrogate",
    "nul \x00",
    "",
    " ",
]
AT = 1_700_000_000.25


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    """Give the root logger back as it was."""
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


def record(message: str, *arguments: object, level: int = logging.INFO) -> logging.LogRecord:
    made = logging.LogRecord("tunewatch.test", level, "file.py", 1, message, arguments, None)
    made.created = AT
    return made


def fields(line: str) -> dict[str, str]:
    """Read a logfmt line back."""
    assert LOGFMT.fullmatch(line), line
    pairs = re.findall(r'([a-z]+)=("(?:[^"\\]|\\.)*"|\S+)', line)
    return {key: json.loads(v) if v.startswith('"') else v for key, v in pairs}


def test_a_line_says_when_how_urgent_who_and_what() -> None:
    assert Logfmt().format(record("run %s: %d points", "a", 3)) == (
        'time=2023-11-14T22:13:20.250+00:00 level=info logger=tunewatch.test msg="run a: 3 points"'
    )


def test_a_json_line_has_the_same_fields() -> None:
    assert json.loads(JsonLines().format(record("é", level=logging.WARNING))) == {
        "time": "2023-11-14T22:13:20.250+00:00",
        "level": "warn",
        "logger": "tunewatch.test",
        "msg": "é",
    }


@pytest.mark.parametrize("text", FORGED)
def test_a_name_cannot_forge_a_line(text: str) -> None:
    for line in (Logfmt().format(record("run %s", text)), JsonLines().format(record("%s", text))):
        assert line.isprintable()
        assert len(line.splitlines()) == 1
    assert set(fields(Logfmt().format(record("%s", text)))) == {"time", "level", "logger", "msg"}
    assert fields(Logfmt().format(record("%s", text)))["msg"] == text
    assert json.loads(JsonLines().format(record("%s", text)))["msg"] == text


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_whatever_is_logged_can_be_read_back(text: str) -> None:
    assert json.loads(JsonLines().format(record("%s", text)))["msg"] == text
    assert fields(Logfmt().format(record("%s", text)))["msg"] == text


@pytest.mark.parametrize(
    ("level", "word"),
    [
        (logging.DEBUG, "debug"),
        (logging.INFO, "info"),
        (logging.WARNING, "warn"),
        (logging.ERROR, "error"),
        (logging.CRITICAL, "error"),
    ],
)
def test_levels_are_called_as_the_flag_calls_them(level: int, word: str) -> None:
    assert f" level={word} " in Logfmt().format(record("x", level=level))
    assert word in logs.LEVELS


@pytest.mark.parametrize("style", ["logfmt", "json"])
def test_an_exception_stays_on_its_line(style: str) -> None:
    stream = io.StringIO()
    logs.configure("info", style, stream)
    try:
        _fail("line\nbreak")
    except ValueError:
        logging.getLogger("tunewatch.test").exception("it failed")
    (line,) = stream.getvalue().splitlines()
    shown = json.loads(line) if style == "json" else fields(line)
    assert shown["traceback"].startswith("Traceback (most recent call last):\n")
    assert shown["traceback"].endswith("ValueError: line\nbreak")


@pytest.mark.parametrize("style", ["logfmt", "json"])
def test_no_secret_reaches_the_log(style: str) -> None:
    stream = io.StringIO()
    logs.configure("debug", style, stream)
    redactor = Redactor()
    install(redactor)
    redactor.learn_url("slack://TokenAAAA/TokenBBBB/TokenCCCC")
    redactor.learn("hunter2\nsecond line")
    logger = logging.getLogger("urllib3.connectionpool")
    logger.warning("POST %s", "https://hooks.slack.com/services/TokenAAAA/TokenBBBB/TokenCCCC")
    logging.getLogger("tunewatch.test").info("password %r is %s", "x", "hunter2\nsecond line")
    try:
        _fail("cannot reach slack://TokenAAAA/TokenBBBB/TokenCCCC")
    except ValueError as error:
        logging.getLogger("tunewatch.test").exception("sending failed: %r", error)  # noqa: TRY401 - as a vendor may
    text = stream.getvalue()
    assert len(text.splitlines()) == 3
    assert "***" in text
    assert not re.search("Token[ABC]{4}|hunter2|second line", text)


def test_configuring_again_replaces_the_handler(root: logging.Logger) -> None:
    first = logs.configure("info", "logfmt", io.StringIO())
    second = logs.configure("warn", "json", io.StringIO())
    assert first is not second
    assert root.handlers == [second]
    assert root.level == logging.WARNING


def test_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "logfmt")
    logging.getLogger("tunewatch.test").info("hello")
    logging.getLogger("tunewatch.test").debug("not this")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert fields(captured.err.strip())["msg"] == "hello"


def test_a_stream_that_lacks_a_character_loses_no_line() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "ascii", errors=sys.stderr.errors)
    logs.configure("info", "logfmt", stream)
    logging.getLogger("tunewatch.test").info("größer")
    stream.flush()
    assert b"msg=gr" in stream.buffer.getvalue()


def _fail(message: str) -> None:
    raise ValueError(message)
