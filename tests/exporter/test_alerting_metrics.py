"""Signals, verdicts, alerts and deliveries as series; the page is a contract."""

from __future__ import annotations

import math
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from alerts.model import AlertKey, Extremum, Outcome, Severity, Subject
from alerts.rules import RULES
from alerts.state import Alert
from alerts.view import AlertsView, AlertView, EvalView, RuleVerdict, RunView
from exporter.metrics.alerting import METRICS, SIGNALS, families
from exporter.metrics.encoding import Format, encode
from tests.support.engine import NAN, run_facts
from tests.support.golden import assert_golden
from tests.support.notices import NOW

GOLDEN = Path(__file__).with_name("golden") / "alerting.prom"
CONTRACT = {
    "tunewatch_heartbeats_total",
    "tunewatch_state_bytes",
    "tunewatch_run_loss_increase_pct",
    "tunewatch_run_epoch_loss_decrease_pct",
    "tunewatch_run_eval_loss_gap",
    "tunewatch_run_eval_loss_consecutive_rises",
    "tunewatch_run_training_seconds",
    "tunewatch_run_nonfinite",
    "tunewatch_run_perplexity",
    "tunewatch_run_best_eval_loss",
    "tunewatch_run_best_eval_step",
    "tunewatch_alert_state",
    "tunewatch_gpu_training_busy_pct",
    "tunewatch_threshold",
    "tunewatch_rule_verdict",
    "tunewatch_run_silent_seconds",
    "tunewatch_notifications_total",
    "tunewatch_notifications_pending",
}
"""The names on which dashboards and rules rely."""
TARGET_LABELS = {"namespace", "pod", "container", "node", "instance", "job"}
HOSTILE = 'a"b\\c\nd{e="f"} 1 # HELP'

OVERFIT = RunView(
    facts=run_facts(
        name="overfit",
        params={"num_train_epochs": "3.0", "max_steps": "-1"},
    ),
    verdicts=(
        RuleVerdict("loss_increase", "", Outcome.CLEAR, 3.5),
        RuleVerdict("epoch_loss_stall", "", Outcome.NOT_APPLICABLE, None),
        RuleVerdict("eval_loss_gap", "", Outcome.BREACH, 0.25, Severity.WARNING),
        RuleVerdict("eval_loss_gap", "code", Outcome.UNKNOWN, None),
        RuleVerdict("eval_loss_rising", "", Outcome.BREACH, 3.0, Severity.INFO),
        RuleVerdict("nonfinite", "", Outcome.CLEAR, 0.0),
        RuleVerdict("training_time_exceeded", "", Outcome.CLEAR, 1.5),
    ),
    loss=0.5,
    evals=(EvalView("", 0.75, Extremum(72, 0.625)), EvalView("code", None, None)),
    training_seconds=5400.0,
    silent_seconds=12.5,
    diagnosis="overfitting",
)
EXPLODED = RunView(
    facts=run_facts(
        "run-2",
        name=HOSTILE,
        experiment=HOSTILE,
        params={"num_train_epochs": "3.0", "max_steps": "500"},
    ),
    verdicts=(
        RuleVerdict("loss_increase", "", Outcome.UNKNOWN, None),
        RuleVerdict("epoch_loss_stall", "", Outcome.BREACH, -math.inf, Severity.WARNING),
        RuleVerdict("eval_loss_gap", "", Outcome.CLEAR, 0.5, excused=True),
        RuleVerdict("nonfinite", "", Outcome.BREACH, 1.0, Severity.CRITICAL),
    ),
    loss=NAN,
    evals=(EvalView("", 1000.0, None),),
    training_seconds=60.0,
    silent_seconds=0.0,
)
RISING = Alert(
    AlertKey("eval_loss_rising", Subject("run", "run-1")),
    "firing",
    Severity.WARNING,
    1,
    NOW - 300,
    fired_at=NOW,
)
VIEW = AlertsView(
    alerts=(
        AlertView(RISING, OVERFIT.facts),
        AlertView(
            replace(RISING, key=AlertKey("gpu_memory_high", Subject("gpu", "GPU-1", "node-1"))),
        ),
        AlertView(
            replace(
                RISING,
                key=AlertKey("source_down", Subject("source", "mlflow")),
                state="pending",
                fired_at=None,
                severity=Severity.CRITICAL,
            )
        ),
        AlertView(replace(RISING, key=AlertKey("run_stalled", Subject("run", "run-9")))),
        AlertView(replace(RISING, key=AlertKey("gpu_lost", Subject.of_node("node-2")))),
    ),
    training_busy={
        # It was there before.
        Subject("gpu", "GPU-1", "node-2"): 0.5,
        Subject("gpu", "GPU-1", "node-1"): 4.5,
    },
    runs=(OVERFIT, EXPLODED),
    devices={"run-2": ("GPU-1", "MIG-2"), "run-of-nobody": ("GPU-3",)},
    thresholds={"loss_increase": 20.0, "eval_loss_gap": 0.1},
    deliveries={("chat", "delivered"): 3, ("chat", "failed"): 0},
    undelivered={"chat": 2},
    state_bytes=4096,
    heartbeats={"delivered": 7, "failed": 1, "withheld": 0},
    errors={"rule": 24, "run": 1, "fleet": 0},
)


def page(view: AlertsView, form: Format = Format.TEXT) -> str:
    return encode(families(view), form).text.decode()


def series(view: AlertsView) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return what a scrape sees: (labels, value) by name."""
    return {
        family.name: [(sample.labels, sample.value) for sample in family.samples]
        for family in text_string_to_metric_families(page(view))
    }


def test_the_page_is_the_recorded_one() -> None:
    assert_golden(GOLDEN, page(VIEW))


def test_every_metric_is_shown_in_it() -> None:
    shown = {
        sample.name for f in text_string_to_metric_families(page(VIEW)) for sample in f.samples
    }
    assert shown == {metric.name for metric in METRICS}


def test_the_names_are_those_of_the_contract() -> None:
    assert {metric.name for metric in METRICS} >= CONTRACT


def test_no_series_carries_a_label_that_a_scrape_stamps() -> None:
    assert [m.name for m in METRICS if TARGET_LABELS & set(m.labels)] == []


def test_every_signal_belongs_to_a_rule() -> None:
    assert SIGNALS.keys() <= RULES.keys()


def test_names_that_runs_give_themselves_come_back_as_they_are() -> None:
    hostile = f"{HOSTILE}\r\x00\x85\u2028"
    runs = (replace(OVERFIT, facts=run_facts(name=hostile)),)
    ((labels, _),) = series(AlertsView(runs=runs))["tunewatch_run_training_seconds"]
    assert labels["run_name"] == hostile


def test_a_name_that_no_page_can_hold_costs_no_page() -> None:
    runs = (replace(OVERFIT, facts=run_facts(name="lone \ud800 surrogate")),)
    assert "lone ? surrogate" in page(AlertsView(runs=runs))


def test_what_a_rule_cannot_say_is_absent() -> None:
    shown = series(VIEW)
    assert [labels["run_id"] for labels, _ in shown["tunewatch_run_loss_increase_pct"]] == ["run-1"]
    assert [labels["eval_set"] for labels, _ in shown["tunewatch_run_eval_loss_gap"]] == ["", ""]
    verdicts = {labels["verdict"] for labels, _ in shown["tunewatch_rule_verdict"]}
    assert verdicts == {"breach", "excused", "not_applicable"}


def test_numbers_that_are_none_stay_what_they_are() -> None:
    shown = series(VIEW)
    perplexities = {
        (labels["run_id"], labels["split"]): value
        for labels, value in shown["tunewatch_run_perplexity"]
    }
    assert perplexities["run-1", "train"] == pytest.approx(math.exp(0.5))
    assert math.isnan(perplexities["run-2", "train"])
    assert perplexities["run-2", "eval"] == math.inf
    assert shown["tunewatch_run_epoch_loss_decrease_pct"][0][1] == -math.inf


def test_an_alert_is_labelled_with_its_subject_alone() -> None:
    told = {
        labels["rule"]: {k: v for k, v in labels.items() if v and k not in ("rule", "severity")}
        for labels, _ in series(VIEW)["tunewatch_alert_state"]
    }
    run = {"experiment": "support-bot", "run_id": "run-1", "run_name": "overfit"}
    assert told == {
        "eval_loss_rising": {**run, "state": "firing"},
        "gpu_memory_high": {"uuid": "GPU-1", "workload_node": "node-1", "state": "firing"},
        "source_down": {"source": "mlflow", "state": "pending"},
        "gpu_lost": {"workload_node": "node-2", "state": "firing"},
        "run_stalled": {"run_id": "run-9", "state": "firing"},
    }


def test_a_run_that_has_ended_trains_no_longer() -> None:
    ended = replace(OVERFIT, facts=run_facts(status="FINISHED"))
    shown = series(AlertsView(runs=(ended,)))
    assert "tunewatch_run_training_seconds" not in shown
    assert "tunewatch_run_silent_seconds" not in shown


def test_an_engine_that_has_seen_no_run_shows_none() -> None:
    shown = page(AlertsView())
    assert "tunewatch_run_" not in shown
    assert "tunewatch_alert_state" not in shown


@pytest.mark.parametrize("form", list(Format))
def test_no_series_is_there_twice(form: Format) -> None:
    assert encode(families(VIEW), form).duplicates == 0


def test_promtool_finds_nothing_to_say() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool: Debian's package prometheus brings it")
    done = subprocess.run(
        [promtool, "check", "metrics"], input=page(VIEW).encode(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("value", ["", "None", "nan", "inf", "-1", "0", "three"])
def test_what_a_run_has_planned_is_absent_where_it_says_nothing_usable(value: str) -> None:
    params = {"num_train_epochs": value, "max_steps": value}
    shown = page(AlertsView(runs=(replace(OVERFIT, facts=run_facts(params=params)),)))
    assert "\ntunewatch_run_planned_" not in shown
