"""What is wrong with a configuration file is said at once, with line and remedy."""

from __future__ import annotations

import pytest

from alerts.documents import DocumentError, parse, validate
from alerts.thresholds import AlertSettings

SECTIONS = "known keys: notify, rules, thresholds"
DURATION = "should be a duration such as 30s, 5m or 1h30m"
SEVERITY = "should be info, warning or critical"


def mistakes(text: str) -> list[str]:
    """Return what is wrong with the text, each as `line: message`."""
    with pytest.raises(DocumentError) as caught:
        validate(AlertSettings, parse(text, "alerts.yaml"))
    shown = [str(problem) for problem in caught.value.problems]
    assert str(caught.value) == "\n".join(shown)
    assert all(line.startswith("alerts.yaml:") for line in shown)
    return [line.removeprefix("alerts.yaml:") for line in shown]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet\n",
        "null\n",
        "{}",
        "thresholds:\nrules:\nnotify:\n",
        "thresholds:\n  max_val_loss_diff:\n  max_val_loss_increase: null",
        "rules:\n  nonfinite:\n  metrics:\n",
    ],
)
def test_what_is_empty_or_null_is_the_default(text: str) -> None:
    assert validate(AlertSettings, parse(text, "alerts.yaml")) == AlertSettings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # keys
        (
            "thresholds:\n  max_loss_increse_pct: 20",
            (
                "2: unknown key 'thresholds.max_loss_increse_pct'; "
                "did you mean 'max_loss_increase_pct'?"
            ),
        ),
        ("threshold:\n  a: 1", "1: unknown key 'threshold'; did you mean 'thresholds'?"),
        ("qqqqqqq: 1", f"1: unknown key 'qqqqqqq'; {SECTIONS}"),
        ('"a[b]": 1', f"1: unknown key 'a[b]'; {SECTIONS}"),
        ('"a\\nb\\e": 1', f"1: unknown key 'a\\nb\\x1b'; {SECTIONS}"),
        (
            "rules:\n  loss_incrase: {}",
            "2: unknown key 'rules.loss_incrase'; did you mean 'loss_increase'?",
        ),
        (
            "rules:\n  nonfinite:\n    hold_for: 5m",
            "3: unknown key 'rules.nonfinite.hold_for'; did you mean 'for'?",
        ),
        (
            "notify:\n  channels:\n    - name: a\n      url: slack://x\n      url_env: A",
            "4: unknown key 'notify.channels.0.url'; did you mean 'url_env'?",
        ),
        (
            "rules: {}\nrules: {}",
            "2: duplicate key 'rules': first given on line 1; keep one of the two",
        ),
        ("thresholds:\n  1: 2", "2: the key '1' is not text; put it in quotes if it is meant"),
        ("on: 1", "1: the key 'on' is not text; put it in quotes if it is meant"),
        ("? [a, b]\n: 1", "1: the key is not text; put it in quotes if it is meant"),
        # types
        ("- 1", "1: expected a mapping such as 'thresholds:', found a list"),
        ("hello", "1: expected a mapping such as 'thresholds:', found text"),
        ("true", "1: expected a mapping such as 'thresholds:', found a boolean"),
        ("3", "1: expected a mapping such as 'thresholds:', found a number"),
        ("2026-01-01", "1: expected a mapping such as 'thresholds:', found date"),
        ("\nthresholds: [1]", "2: thresholds: should be a mapping of keys to values"),
        ("rules: 3", "1: rules: should be a mapping of keys to values"),
        (
            "thresholds:\n  max_loss_increase_pct: '20'",
            "2: thresholds.max_loss_increase_pct: should be a number (found '20')",
        ),
        (
            "thresholds:\n  max_loss_increase_pct: yes",
            "2: thresholds.max_loss_increase_pct: should be a number (found True)",
        ),
        (
            "thresholds:\n  max_loss_increase_pct: [20]",
            "2: thresholds.max_loss_increase_pct: should be a number",
        ),
        (
            "thresholds:\n  max_val_loss_increase: 3.0",
            "2: thresholds.max_val_loss_increase: should be a whole number (found 3.0)",
        ),
        (
            "rules:\n  metrics:\n    loss: loss",
            "3: rules.metrics.loss: should be a list",
        ),
        (
            "rules:\n  metrics:\n    loss:\n      - a\n      - 1",
            "5: rules.metrics.loss.1: should be text (found 1)",
        ),
        (
            "rules: {nonfinite: {enabled: 1}}",
            "1: rules.nonfinite.enabled: should be true or false (found 1)",
        ),
        # ranges
        (
            "thresholds:\n  max_loss_increase_pct: -1",
            "2: thresholds.max_loss_increase_pct: should be greater than or equal to 0 (found -1)",
        ),
        (
            "thresholds:\n  max_val_loss_diff: .nan",
            "2: thresholds.max_val_loss_diff: should be a finite number (found nan)",
        ),
        (
            "thresholds:\n  min_loss_decrease_per_epoch: -.inf",
            "2: thresholds.min_loss_decrease_per_epoch: should be a finite number (found -inf)",
        ),
        (
            "thresholds:\n  max_val_loss_increase: 0",
            "2: thresholds.max_val_loss_increase: should be greater than or equal to 1 (found 0)",
        ),
        (
            "thresholds:\n  max_val_loss_increase: 501",
            "2: thresholds.max_val_loss_increase: should be less than or equal to 500 (found 501)",
        ),
        (
            f"thresholds:\n  max_val_loss_diff: 1{'0' * 400}",
            f"2: thresholds.max_val_loss_diff: should be a number (found 1{'0' * 59}...)",
        ),
        (
            "thresholds:\n  max_gpu_memory_pct: 100.1",
            "2: thresholds.max_gpu_memory_pct: should be less than or equal to 100 (found 100.1)",
        ),
        (
            "rules:\n  gpu_xid: {critical: [79, x79]}",
            "2: rules.gpu_xid.critical.1: should be a whole number (found 'x79')",
        ),
        (
            "rules:\n  gpu_xid: {quiet: 2d}",
            "2: rules.gpu_xid.quiet: should be less than or equal to 86400 seconds (found '2d')",
        ),
        (
            "rules:\n  gpu_idle_while_training: {busy_pct: 0}",
            "2: rules.gpu_idle_while_training.busy_pct: should be greater than 0 (found 0)",
        ),
        (
            "thresholds:\n  max_training_time_hours: 0",
            "2: thresholds.max_training_time_hours: should be greater than 0 (found 0)",
        ),
        (
            "rules:\n  steps_per_epoch: 0",
            "2: rules.steps_per_epoch: should be greater than or equal to 1 (found 0)",
        ),
        # durations, severities and choices
        (
            "rules:\n  nonfinite:\n    for: 5 minutes",
            f"3: rules.nonfinite.for: {DURATION} (found '5 minutes')",
        ),
        ("rules:\n  nonfinite:\n    for: ''", f"3: rules.nonfinite.for: {DURATION} (found '')"),
        ("rules:\n  nonfinite: {for: -5m}", f"2: rules.nonfinite.for: {DURATION} (found '-5m')"),
        ("rules:\n  nonfinite: {for: 1.5h}", f"2: rules.nonfinite.for: {DURATION} (found '1.5h')"),
        (
            "rules:\n  nonfinite: {keep_firing_for: -1}",
            "2: rules.nonfinite.keep_firing_for: should be greater than or equal to 0 (found -1)",
        ),
        (
            f"rules:\n  nonfinite: {{for: {'9' * 400}d}}",
            f"2: rules.nonfinite.for: should be a finite number (found '{'9' * 59}...)",
        ),
        (
            "rules:\n  run_stalled: {min_silence: null}",
            "2: rules.run_stalled.min_silence: should be a number (found None)",
        ),
        (
            "rules:\n  nonfinite: {severity: fatal}",
            f"2: rules.nonfinite.severity: {SEVERITY} (found 'fatal')",
        ),
        (
            "rules:\n  nonfinite: {severity: 3}",
            f"2: rules.nonfinite.severity: {SEVERITY} (found 3)",
        ),
        (
            "rules:\n  loss_increase: {baseline: first}",
            "2: rules.loss_increase.baseline: should be 'best' or 'previous' (found 'first')",
        ),
        # channels
        (
            "notify:\n  channels:\n    - url_env: A",
            "3: notify.channels.0.name: is required",
        ),
        (
            "notify:\n  channels:\n    - {name: a b, url_env: A}",
            (
                "3: notify.channels.0.name: should match pattern "
                "'^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$' (found 'a b')"
            ),
        ),
        (
            "notify:\n  channels:\n    - {name: a, url_env: A, url_file: b}",
            (
                "3: notify.channels.0: give exactly one of url_env (an environment variable) or "
                "url_file (a file) that holds the Apprise URL; secrets do not belong in this file"
            ),
        ),
        (
            "notify:\n  channels:\n    - {name: a, url_env: A}\n    - {name: a, url_env: B}",
            "1: notify: channel names must differ: a is used twice",
        ),
        # what is no YAML
        ("thresholds: [1", "1: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("a:\n\tb: 1", "2: not valid YAML: found character '\\t' that cannot start any token"),
        ("a: *b", "1: not valid YAML: found undefined alias 'b'"),
        ("a: 1\n---\nb: 2", "2: not valid YAML: but found another document"),
        ("a: 1\nb: \0", "2: not valid YAML: the character #x0000 is not allowed"),
        (
            "a: !!python/object/apply:os.system [ls]",
            (
                "1: not valid YAML: could not determine a constructor for the tag "
                "'tag:yaml.org,2002:python/object/apply:os.system'"
            ),
        ),
        ("a: 2026-13-45", " not valid YAML: month must be in 1..12"),
        (
            f"a: {'1' * 5000}",
            (
                " not valid YAML: Exceeds the limit (4300 digits) for integer string conversion: "
                "value has 5000 digits"
            ),
        ),
    ],
)
def test_each_mistake_is_named_with_its_line(text: str, message: str) -> None:
    assert mistakes(text) == [message]


def test_all_mistakes_are_told_at_once_in_order_of_their_lines() -> None:
    text = "rules:\n  a: 1\nthresholds:\n  max_val_loss_diff: x\n  max_val_loss_diff: 1\nother: 2\n"
    assert [line.partition(":")[0] for line in mistakes(text)] == ["2", "5", "6"]


def test_a_duplicate_is_told_even_where_nothing_else_is_wrong() -> None:
    text = "thresholds:\n  max_val_loss_diff: 1\n  max_val_loss_diff: 1\n"
    assert mistakes(text) == [
        (
            "3: duplicate key 'thresholds.max_val_loss_diff': first given on line 2; "
            "keep one of the two"
        )
    ]


@pytest.mark.parametrize(
    "text",
    [
        "notify:\n  console: http://user:hunter2@host",
        "notify:\n  console: slack://hunter2",
        "rules: http://user:hunter2@host",
        "thresholds:\n  max_val_loss_diff: http://user:hunter2@host",
        "notify:\n  channels: hunter2",
        "notify:\n  channels:\n    - {name: a, url: 'slack://hunter2', url_env: A}",
    ],
)
def test_what_may_be_a_secret_is_not_repeated(text: str) -> None:
    assert "hunter2" not in "".join(mistakes(text))


def test_anchors_aliases_and_merges_are_yaml() -> None:
    text = (
        "rules:\n"
        "  nonfinite: &often {severity: warning, for: 1m}\n"
        "  loss_increase:\n"
        "    <<: *often\n"
        "    for: 2m\n"
        "  eval_loss_gap: *often\n"
    )
    rules = validate(AlertSettings, parse(text, "alerts.yaml")).rules
    assert [
        rules.tuning(name).hold_for for name in ("nonfinite", "loss_increase", "eval_loss_gap")
    ] == [
        60.0,
        120.0,
        60.0,
    ]
