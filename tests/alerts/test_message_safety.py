"""What a run controls stays text in every dress, and no message outgrows its limits."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import (
    AlertKey,
    GpuObservation,
    RunContext,
    Severity,
    SourceObservation,
    Subject,
    Transition,
)
from alerts.notify import Kind, Message, Notice
from alerts.notify.as_slack import HEADER_LIMIT, from_text, header
from alerts.notify.escape import slack_literal, slack_prose
from alerts.notify.message import HTML_LIMIT, SIZE_LIMIT, compose, compose_digest, compose_group
from tests.support.notices import NOW, run_context

TAGS = {"html", "head", "meta", "title", "body", "div", "h1", "h2", "span", "br", "b", "pre", "a"}
ATTRIBUTES = {"style", "href", "lang", "charset", "name", "content"}
ANCHOR = re.compile(r"<(https?://[^|<>\s]+)\|([^|<>]+)>")
LEAD = re.compile(r"\*([^*]+)\*(?: (.*))?")
HOSTILE = (
    "\x1b[31mred\x1b[0m\x1b]0;title\x07\r\nSubject: forged\n\n\u202egnp.exe\u200b\x00\x9b2J\u2028"
    "<!channel> <@U123> @here <script>alert(1)</script><img src=x> &lt; *b* _i_ ~s~ `c` :skull: "
    "```fence``` [a](http://b) <http://evil|click> {{app_body}} >quote"
)


def about_everything(text: str, **changes: Any) -> Notice:  # noqa: ANN401 - fields of Notice
    """Return a notice that has `text` wherever a run, a GPU or a source decides on it."""
    known = run_context(checkpoint=text)
    facts = replace(known.facts, name=text, experiment=text, run_id=text)
    facts = replace(facts, tags={"k8s.pod": text, "k8s.namespace": text})
    gpus = (GpuObservation(text, 1, text, 10, 10, NOW),)
    fields = {
        "kind": Kind.FIRED_AND_RESOLVED if len(text) % 2 else Kind.ESCALATED,
        "transition": Transition(
            key=AlertKey(text, Subject("run", text, text), text),
            state="firing",
            severity=Severity.CRITICAL,
            episode=10**6,
            at=NOW,
            value=-1.2345678e-300,
            threshold=float("inf"),
            summary=text,
            action=text,
            step=2**63,
            epoch=1e300,
            evidence={text: text, **{f"{index}{text}": text for index in range(9)}},
            current=-1e300,
            seen_at=NOW + 10**6,
            reason="given_up",
        ),
        "about": replace(known, facts=facts, gpus=gpus * 20),
        "resolves_when": text,
        "unit": "%",
        "dashboard_url": "https://grafana.example/" + "&'" * 120,
    }
    return Notice(**{**fields, **changes})


class Page(HTMLParser):
    """Collects what a mail client would act on."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.styles: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            self.addresses += [value or ""] if name == "href" else []
            self.styles += [value or ""] if name == "style" else []

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_quiet_html(html: str) -> None:
    """Only our own tags and attributes, addresses of the web, and nothing to load."""
    page = Page(html)
    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES
    assert all(address.startswith(("http://", "https://")) for address in page.addresses)
    assert not any("url(" in style for style in page.styles)


def assert_quiet_slack(text: str) -> None:
    """Nothing but our own anchors, bold leads, fences and the code of the last line."""
    pieces = text.split("```")
    assert len(pieces) % 2 == 1, "every fence is closed"
    for fenced in pieces[1::2]:
        assert not set("`<>") & set(fenced)
    for line in "".join(pieces[::2]).split("\n"):
        assert_quiet_line(line)


def assert_quiet_line(line: str) -> None:
    if footer := re.fullmatch(r"`([^`]*)`", line):
        assert not set("<>") & set(footer[1])
        return
    rest = ANCHOR.sub(lambda anchor: anchor[2], line)
    rest = re.sub(r"&(?:amp|lt|gt);", "", rest)
    if lead := LEAD.fullmatch(rest):
        rest = f"{lead[1]} {lead[2] or ''}"
    assert not set("*~`<>&") & set(rest)
    assert not re.search(r"(?<![^\W_])_|_(?![^\W_])", rest)
    assert not re.search(r":[a-z+][\w+'-]*:", rest, re.IGNORECASE)
    assert not line.startswith("&gt;")


def assert_quiet(message: Message) -> None:
    for text in (message.title, *message.text.split("\n"), *message.slack.split("\n")):
        assert not [c for c in text.replace("\u200b", "") if unicodedata.category(c)[0] == "C"]
    assert "\u200b" not in message.title + message.text
    assert not [c for c in message.html if unicodedata.category(c) == "Cc" and c != "\n"]
    assert_quiet_html(message.html)
    assert_quiet_slack(message.slack)
    assert not set("<>") & set(header(message.title))


def assert_fits(message: Message) -> None:
    title = len(message.title.encode())
    assert title + len(message.text.encode()) <= SIZE_LIMIT
    assert title + len(message.slack.encode()) <= SIZE_LIMIT
    assert len(message.html.encode()) <= HTML_LIMIT
    assert len(header(message.title)) <= HEADER_LIMIT


def test_names_stay_text_in_every_dress() -> None:
    message = compose(about_everything(HOSTILE, kind=Kind.FIRING))
    assert_quiet(message)
    assert "[31m" not in message.text
    assert "red Subject: forged" in message.title
    page = Page(message.html)
    assert "<script>" in page.text, "as text"
    assert "<!channel>" not in message.slack
    assert "kubectl" not in message.text, "no pod is called so"


def test_a_message_of_hostile_names_has_the_lines_of_any_other() -> None:
    # No pod is called so either, so neither message has commands.
    for dress in ("text", "slack", "html"):
        lines = {
            getattr(compose(about_everything(name)), dress).count("\n")
            for name in (HOSTILE[:40], "-" * 40)
        }
        assert len(lines) == 1


@pytest.mark.parametrize("letter", [*"&<>\"'`*_~:@|🔥", "a ", "<!", "::", "&#"])
@pytest.mark.parametrize("length", [150, 5000])
def test_the_longest_names_leave_what_matters(letter: str, length: int) -> None:
    long = about_everything(letter * length)
    crowd = [long, *(about_everything(letter * length, kind=kind) for kind in Kind)] * 2
    counts = {(f"{index}{letter * length}", "warning"): 10**9 for index in range(60)}
    for message in (
        compose(long),
        compose_group(crowd),
        compose_digest(letter * length, counts, NOW),
    ):
        assert_fits(message)
        assert_quiet(message)
    message = compose(replace(long, kind=Kind.ESCALATED))
    assert message.title.startswith("NOW CRITICAL: ")
    assert message.text.endswith("· #1000000")
    assert "What to do: " in message.text


def test_ordinary_messages_are_never_cut() -> None:
    name = "llama-3-8b-support-bot-lora-r64-2026-11-23"
    ordinary = about_everything(name, kind=Kind.FIRING)
    evidence = {"eval_loss": 1.1, "rise": 0.2, "best_eval_loss": 0.9, "best_eval_step": 72}
    ordinary = replace(ordinary, transition=replace(ordinary.transition, evidence=evidence))
    assert "…" not in compose(ordinary).text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("eval_loss_rising", "eval_loss_rising"),
        ("_private", "\u02cdprivate"),
        ("2 * 3 ~ 4", "2 \u2217 3 \u223c 4"),
        ("lr:1e-4:b:8", "lr:1e-4\u2236b:8"),
        ("at 22:13:20", "at 22:13:20"),
        ("R&D <!here>", "R&amp;D &lt;\u200b!here&gt;"),
        ("> quoted", "\u200b&gt; quoted"),
        ("`rm`", "\u02cbrm\u02cb"),
    ],
)
def test_slack_prose(text: str, shown: str) -> None:
    assert slack_prose(text) == shown


@given(st.text(alphabet="*_~`<>&!@#:|ab1 here\u200b", max_size=60))
def test_slack_has_no_markup_left_to_find(text: str) -> None:
    for line in from_text(text).split("\n"):
        assert_quiet_line(line)
    assert not set("<>`") & set(slack_literal(text))


@given(st.text(max_size=400))
def test_a_header_fits_its_block(title: str) -> None:
    assert len(header(title)) <= HEADER_LIMIT


marks = st.text(
    alphabet="<>&\"'`*_~:@!|#{}[]()\\/=\x1b\x00\n\r\u202e\u2028 abhereéß🔥", max_size=80
)
words = st.text(max_size=2000) | marks
numbers = st.floats() | st.none()
steps = st.integers(-(2**63), 2**63) | st.none()


@st.composite
def notices(draw: st.DrawFn) -> Notice:
    firing = Transition(
        key=AlertKey(draw(words), Subject("run", draw(words), draw(words)), draw(words)),
        state="firing",
        severity=draw(st.sampled_from(Severity)),
        episode=draw(st.integers(1, 10**6)),
        at=draw(st.floats()),
        value=draw(numbers),
        threshold=draw(numbers),
        summary=draw(words),
        action=draw(words),
        step=draw(steps),
        epoch=draw(numbers),
        evidence=draw(st.dictionaries(words, st.floats() | st.integers() | words, max_size=5)),
        already_so=draw(st.booleans()),
        current=draw(numbers),
        seen_at=draw(numbers),
    )
    known = run_context()
    facts = replace(known.facts, name=draw(words), url=draw(words), experiment=draw(words))
    facts = replace(facts, tags={"k8s.pod": draw(words), "k8s.namespace": draw(words)})
    context = RunContext(
        facts=facts,
        train_tail=tuple(draw(st.lists(st.floats(), max_size=100))),
        eval_tail=tuple(draw(st.lists(st.floats(), max_size=10))),
        loss=draw(numbers),
        grad_norm=draw(numbers),
        checkpoint=draw(words),
    )
    gpu = GpuObservation(draw(words), 0, draw(words), 2**40, 2**36, NOW)
    source = SourceObservation(draw(words), "", up=False, expected=True, reason=draw(words))
    about = draw(st.sampled_from([None, context, gpu, source]))
    unit = draw(st.sampled_from(["", "%", "s", "h", "flag"]))
    return Notice(draw(st.sampled_from(Kind)), firing, about, draw(words), unit, draw(words))


@settings(deadline=None, max_examples=60)
@given(notices())
def test_any_notice_makes_a_quiet_message_that_fits(any_notice: Notice) -> None:
    message = compose(any_notice)
    assert_fits(message)
    assert_quiet(message)
    assert "\n" not in message.title
    assert f"#{any_notice.transition.episode}" in message.text


@settings(deadline=None, max_examples=40)
@given(st.lists(notices(), min_size=2, max_size=4))
def test_any_group_makes_a_quiet_message_that_fits(group: list[Notice]) -> None:
    message = compose_group(group)
    assert_fits(message)
    assert_quiet(message)
