"""Messages: their wording as golden files, and what each sort of news must say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model import ResolveReason, Severity
from alerts.notify import Kind, Notice
from alerts.notify.as_slack import header
from alerts.notify.message import compose
from alerts.rules import RULES
from tests.support.golden import assert_golden
from tests.support.message_cases import FIRING, NOT_FINITE, NOTICES, gap, in_pod, key, messages
from tests.support.notices import RUN_ID, notice, resolution, run_context, transition

GOLDEN = Path(__file__).parent / "golden" / "messages"
MESSAGES = messages()


@pytest.mark.parametrize("name", MESSAGES)
def test_the_wording(name: str) -> None:
    message = MESSAGES[name]
    assert_golden(GOLDEN / f"{name}.txt", f"{message.title}\n\n{message.text}\n")


@pytest.mark.parametrize("name", MESSAGES)
def test_the_dress_for_slack(name: str) -> None:
    message = MESSAGES[name]
    assert_golden(GOLDEN / f"{name}.slack.txt", f"{header(message.title)}\n\n{message.slack}\n")


@pytest.mark.parametrize("name", MESSAGES)
def test_the_dress_for_mail(name: str) -> None:
    assert_golden(GOLDEN / f"{name}.html", MESSAGES[name].html)


def test_every_kind_has_a_golden_file() -> None:
    assert {told.kind for told in NOTICES.values()} == set(Kind)


def test_no_golden_file_is_left_over() -> None:
    names = {path.name.partition(".")[0] for path in GOLDEN.iterdir()}
    assert names == set(MESSAGES)


def text_of(told: Notice) -> str:
    return compose(told).text


def test_each_validation_set_is_named() -> None:
    told = notice(key=key("eval_loss_gap", "eval_code"))
    assert "eval loss gap [eval_code], overfit-3" in compose(told).title


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("recovered", "it recovered"),
        ("run_ended", "the run ended"),
        ("deleted", "the run was deleted"),
        ("rule_removed", "the rule was removed from the configuration"),
        ("given_up", "given up"),
    ],
)
def test_an_end_says_why_and_how_it_stands_now(reason: ResolveReason, words: str) -> None:
    text = text_of(Notice(Kind.RESOLVED, resolution(reason=reason, value=1.25), run_context()))
    assert words in text
    assert "Value now 1.25, threshold 3" in text
    assert "What to do" not in text
    assert "Resolves when" not in text


@pytest.mark.parametrize(
    ("unit", "value", "threshold", "words"),
    [
        ("", 0.3187, 0.1, "Value 0.3187, threshold 0.1, since"),
        ("%", 45.25, 20.0, "Value 45.25 %, threshold 20 %, since"),
        ("s", 4500.0, 600.0, "Value 1 h 15 min, threshold 10 min, since"),
        ("h", 24.2, 24.0, "Value 24.2 h, threshold 24 h, since"),
        ("flag", 1.0, None, "\nSince step 144"),
        ("", None, None, "\nSince step 144"),
    ],
)
def test_numbers_have_units(
    unit: str, value: float | None, threshold: float | None, words: str
) -> None:
    told = replace(notice(value=value, threshold=threshold), unit=unit)
    assert words in text_of(told)


def test_what_breached_is_told_though_it_went_meanwhile() -> None:
    text = text_of(Notice(Kind.FIRING, gap(current=-0.0634), run_context()))
    assert "Value 0.3187, threshold 0.1" in text
    assert "Meanwhile now -0.0634: it resolves soon unless it comes back." in text


@pytest.mark.parametrize("current", [None, 0.3187])
def test_a_value_that_still_breaches_is_told_once(current: float | None) -> None:
    assert "Meanwhile" not in text_of(Notice(Kind.FIRING, gap(current=current), run_context()))


def test_a_flag_that_went_is_told_without_a_number() -> None:
    went = replace(NOT_FINITE, transition=replace(NOT_FINITE.transition, current=0.0))
    assert "Meanwhile this is no longer so: it resolves soon" in text_of(went)
    assert "Value" not in text_of(went)


@pytest.mark.parametrize(("seconds", "late"), [(-10.0, False), (300.0, False), (301.0, True)])
def test_what_was_read_late_says_so(seconds: float, late: bool) -> None:  # noqa: FBT001 - a table
    told = gap()
    told = replace(told, seen_at=told.at + seconds)
    assert ("Seen late" in text_of(Notice(Kind.FIRING, told, run_context()))) is late


def test_what_was_so_before_anyone_watched_is_not_late() -> None:
    told = replace(gap(), seen_at=gap().at + 9000, already_so=True)
    text = text_of(Notice(Kind.FIRING, told, run_context()))
    assert "Already so when watching began." in text
    assert "Seen late" not in text


def test_a_run_nobody_knows_any_more_is_named_by_its_id() -> None:
    message = compose(Notice(Kind.FIRING, transition()))
    assert RUN_ID in message.title
    assert message.text.endswith(f"eval_loss_rising · run {RUN_ID} · #1")


def test_a_run_without_an_address_is_named_by_its_id() -> None:
    known = run_context()
    bare = replace(known, facts=replace(known.facts, url=""))
    assert f"\nRun: {RUN_ID}\n" in text_of(replace(FIRING, about=bare))


@pytest.mark.parametrize(
    ("task", "eval_loss", "words"),
    [
        ("lm", 2.9, "18.17 eval (good; the aim for 'lm' is below 20)"),
        ("domain", 2.9, "18.17 eval (high; the aim for 'domain' is below 10)"),
        ("task", 1.7, "5.474 eval (high; the aim for 'task' is below 5)"),
        ("task", 1.6, "4.953 eval (good; the aim for 'task' is below 5)"),
        ("task", 800.0, "+Inf eval (high; the aim for 'task' is below 5)"),
        ("task", float("nan"), "NaN eval\n"),
        ("task", None, "1.246 train (good; the aim for 'task' is below 5)"),
        (None, 2.9, "18.17 eval\n"),
    ],
)
def test_perplexity_is_measured_by_the_band_of_its_task(
    task: str | None, eval_loss: float | None, words: str
) -> None:
    about = run_context(perplexity_task=task, eval_loss=eval_loss)
    assert words in text_of(replace(FIRING, about=about))


def test_commands_are_for_what_still_fires() -> None:
    assert "kubectl -n ml logs --tail=100 overfit-3-x7k2p" in text_of(FIRING)
    ended = Notice(Kind.RESOLVED, resolution(), in_pod())
    assert "kubectl" not in text_of(ended)


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if not rule.event])
def test_every_rule_says_how_it_resolves(rule: object) -> None:
    resolves = getattr(rule, "resolves", "")
    assert resolves
    assert not resolves.endswith(".")
    assert f"Resolves when {resolves}" in text_of(replace(FIRING, resolves_when=resolves))


def test_an_escalation_says_so_and_keeps_its_identity() -> None:
    message = compose(notice(Kind.ESCALATED, severity=Severity.CRITICAL, episode=3))
    assert message.title == "NOW CRITICAL: eval loss rising, overfit-3"
    assert message.text.endswith("eval_loss_rising · overfit-3 · #3")
