"""Several alerts in one message, and what a channel was spared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.model import Severity
from alerts.notify import Kind, Notice
from alerts.notify.message import SIZE_LIMIT, compose, compose_digest, compose_group
from tests.support.message_cases import COUNTS, FIRING, OF_A_NODE, OF_A_RUN, gpu_notice, key
from tests.support.notices import NOW, resolution, run_context, transition


def test_one_notice_is_a_message_of_its_own() -> None:
    assert compose_group([FIRING]) == compose(FIRING)


def test_no_notice_is_no_message() -> None:
    with pytest.raises(ValueError, match="at least one"):
        compose_group([])


def test_the_most_severe_comes_first_and_gives_the_title() -> None:
    message = compose_group(OF_A_RUN)
    assert message.title == "NOW CRITICAL: overfitting and 3 more, overfit-3"
    assert (message.severity, message.kind) == (Severity.CRITICAL, Kind.ESCALATED)
    headings = [line for line in message.text.split("\n") if line.startswith("— ")]
    assert headings == [
        "— NOW CRITICAL: overfitting",
        "— WARNING: eval loss gap [code]",
        "— WARNING: eval loss rising",
        "— RESOLVED: plateau",
    ]


def test_what_alerts_share_is_said_once() -> None:
    text = compose_group(OF_A_RUN).text
    for shared in ("Experiment support-bot", "kubectl -n ml logs", "MLflow run: ", "Dashboard: "):
        assert text.count(shared) == 1


def test_every_alert_keeps_its_identity() -> None:
    text = compose_group(OF_A_RUN).text
    for told in OF_A_RUN:
        assert f"\n{told.transition.key.rule} · overfit-3 · #1" in text


def test_the_same_advice_is_not_repeated() -> None:
    assert compose_group(OF_A_NODE).text.count("What to do") == 1


def test_a_group_of_a_node_names_the_node_and_each_gpu() -> None:
    message = compose_group(OF_A_NODE)
    assert message.title == "WARNING: GPU memory high and 3 more, node node-a"
    for index in range(4):
        assert f"— WARNING: GPU memory high, GPU {index} on node-a" in message.text
        assert f"\nGPU {index} on node-a: " in message.text


def test_only_ends_make_a_resolved_group() -> None:
    ends = [
        Notice(Kind.RESOLVED, resolution(key=key(rule)), run_context())
        for rule in ("plateau", "unstable")
    ]
    message = compose_group(ends)
    assert message.kind is Kind.RESOLVED
    assert message.title == "RESOLVED: plateau and 1 more, overfit-3 (was warning)"


def test_a_crowd_is_cut_to_size_and_counted() -> None:
    crowd = [
        replace(FIRING, transition=transition(key=key("eval_loss_gap", f"set-{index}")))
        for index in range(40)
    ]
    message = compose_group(crowd)
    assert "eval loss gap [set-0] and 39 more" in message.title
    whole, named = message.text.count("— WARNING"), message.text.count("\nWARNING: ")
    assert whole >= 3
    assert named >= 9
    assert f"\nand {40 - whole - named} more\n" in message.text
    assert len((message.title + message.text).encode()) <= SIZE_LIMIT


def test_what_has_no_room_of_its_own_keeps_its_name_and_number() -> None:
    sets = [
        replace(FIRING, transition=transition(key=key("eval_loss_gap", f"set-{i}"), episode=i))
        for i in range(1, 11)
    ]
    text = compose_group(sets).text
    for i in range(1, 11):
        whole = f"— WARNING: eval loss gap [set-{i}]\n" in text
        assert whole is not (f"\nWARNING: eval loss gap [set-{i}] · #{i}\n" in text)


def test_gpus_beyond_a_handful_are_counted() -> None:
    message = compose_group([gpu_notice(index, 99.0) for index in range(16)])
    assert "GPU memory high and 15 more" in message.title
    assert " more GPUs" in message.text


def test_a_digest_counts_the_most_urgent_first() -> None:
    message = compose_digest("team-slack", COUNTS, NOW)
    assert message.title == "DIGEST: 45 alerts held back, team-slack"
    assert (message.severity, message.kind) == (Severity.WARNING, Kind.EVENT)
    rows = [line.split() for line in message.text.split("\n") if " x " in line]
    assert [(row[0], row[2]) for row in rows] == [
        ("12", "eval_loss_rising"),
        ("3", "eval_loss_gap"),
        ("30", "plateau"),
    ]
    assert "Critical alerts are never held back." in message.text


def test_a_digest_with_criticals_claims_nothing_of_them() -> None:
    message = compose_digest("mail", {("nonfinite", "critical"): 1}, NOW)
    assert message.title == "DIGEST: 1 alert held back, mail"
    assert "never held back" not in message.text


def test_a_digest_says_what_is_over() -> None:
    counts = {("unstable", "resolved"): 20, ("plateau", "info"): 3}
    message = compose_digest("mail", counts, NOW)
    assert message.title == "DIGEST: 23 alerts held back, 20 of them resolved, mail"
    rows = [line.strip() for line in message.text.splitlines() if " x " in line]
    assert rows == ["3 x plateau (info)", "20 x unstable (resolved)"]


def test_a_digest_of_many_rules_counts_the_rest() -> None:
    counts = {(f"rule_{index}", "info"): index + 1 for index in range(60)}
    message = compose_digest("mail", counts, NOW)
    shown = sum(int(line.split()[0]) for line in message.text.split("\n") if " x " in line)
    assert f"and {60 * 61 // 2 - shown} of other rules." in message.text
