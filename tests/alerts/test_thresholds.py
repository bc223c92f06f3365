"""The schema of thresholds, rule tuning and channels: what is taken as what."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from alerts.documents import parse, validate
from alerts.model import Severity
from alerts.rules import RULES, is_on, threshold
from alerts.thresholds import USER_THRESHOLDS, AlertSettings, LimitBook, RuleTuning, Thresholds
from tests.support.histories import limits, run_facts, settings

USERS_FILE = """
thresholds:
  max_loss_increase_pct: 20      # alert when loss rises by more than 20 %
  min_loss_decrease_per_epoch: 5 # alert when loss falls by less than 5 % per epoch
  max_val_loss_diff: 0.1         # alert when val_loss > train_loss + 0.1
  max_val_loss_increase: 3       # alert after 3 val_loss rises in a row
  max_gpu_memory_pct: 95         # alert above 95 % GPU memory
  max_training_time_hours: 24    # alert when training takes longer than 24 h
"""


def loaded(text: str) -> AlertSettings:
    return validate(AlertSettings, parse(text, "alerts.yaml"))


def test_the_users_file_works_as_it_is() -> None:
    assert loaded(USERS_FILE).thresholds == USER_THRESHOLDS


@pytest.mark.parametrize("name", Thresholds.model_fields)
def test_a_threshold_that_is_absent_or_null_turns_its_rule_off(name: str) -> None:
    rule = next(rule.name for rule in RULES.values() if rule.threshold == name)
    on = limits()
    assert is_on(rule, on)
    assert threshold(rule, on) == getattr(USER_THRESHOLDS, name)
    off = limits(**{name: None})
    assert not is_on(rule, off)
    assert threshold(rule, off) is None
    assert not is_on(rule, LimitBook(AlertSettings()).of_run(run_facts()))


@pytest.mark.parametrize(
    "name",
    [
        "max_loss_increase_pct",
        "min_loss_decrease_per_epoch",
        "max_val_loss_diff",
        "max_gpu_memory_pct",
    ],
)
def test_zero_is_a_value(name: str) -> None:
    under = LimitBook(loaded(f"thresholds: {{{name}: 0}}")).of_fleet()
    (rule,) = [rule.name for rule in RULES.values() if rule.threshold == name]
    assert is_on(rule, under)
    assert threshold(rule, under) == 0.0


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_can_be_tuned_and_switched_off(rule: str) -> None:
    text = f"rules:\n  {rule}: {{enabled: false, severity: info, for: 1m, keep_firing_for: 0}}"
    rules = loaded(USERS_FILE + text).rules
    tuning = rules.tuning(rule)
    assert (tuning.enabled, tuning.severity) == (False, Severity.INFO)
    assert (tuning.hold_for, tuning.keep_firing_for) == (60.0, 0.0)
    assert not is_on(rule, limits({rule: {"enabled": False}}))


@pytest.mark.parametrize("name", ["steps_per_epoch", "metrics", "tuning"])
def test_what_is_no_rule_has_no_tuning(name: str) -> None:
    with pytest.raises(TypeError, match="is not a rule"):
        AlertSettings().rules.tuning(name)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30s", 30.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1d", 86_400.0),
        ("2w", 1_209_600.0),
        ("250ms", 0.25),
        ("0s", 0.0),
        ("90", 90.0),
        ("0.5", 0.5),
        ("0", 0.0),
    ],
)
def test_durations_are_written_as_prometheus_does_or_in_seconds(
    written: str, seconds: float
) -> None:
    text = f"rules: {{nonfinite: {{for: {written}}}}}"
    assert loaded(text).rules.nonfinite.hold_for == seconds


@pytest.mark.parametrize(
    "written", ["m5", "5", "5 m", "5M", "1h 30m", "1h-30m", "-5m", "m", "5m\n"]
)
def test_text_that_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(ValidationError, match="such as 30s, 5m or 1h30m"):
        RuleTuning.model_validate({"for": written})


@pytest.mark.parametrize("section", [AlertSettings(), USER_THRESHOLDS, AlertSettings().rules])
def test_settings_never_change(section: Any) -> None:  # noqa: ANN401 - any section
    name = next(iter(type(section).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(section, name, None)


def test_rule_tuning_keeps_its_defaults_beside_what_is_set() -> None:
    rules = settings(
        {"loss_increase": {"min_delta": 0}, "run_stalled": {"min_silence": "20m"}}
    ).rules
    assert (rules.loss_increase.baseline, rules.loss_increase.min_delta) == ("best", 0.0)
    assert (rules.run_stalled.min_silence, rules.run_stalled.early_silence) == (1200.0, 3600.0)
    assert rules.metrics.loss == ("loss", "train/loss", "train_loss_step", "training_loss")
