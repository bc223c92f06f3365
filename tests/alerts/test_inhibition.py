"""Which alert makes which other one redundant, and only about the same thing."""

from __future__ import annotations

import pytest

from alerts.inhibition import INHIBITS, INHIBITS_BY_SOURCE, inhibitor
from alerts.model import AlertKey, Subject
from alerts.rules import RULES

RUN = Subject("run", "a")
ABOUT_RUNS = [rule.name for rule in RULES.values() if rule.about == "run"]

MUTED = {
    "nonfinite": {
        "loss_increase",
        "epoch_loss_stall",
        "eval_loss_gap",
        "eval_loss_rising",
        "unstable",
        "plateau",
    },
    "overfitting": {"eval_loss_gap", "eval_loss_rising", "overfit_onset", "early_stop"},
    "loss_increase": {"epoch_loss_stall", "plateau"},
    "run_failed": {"run_stalled", "run_incomplete"},
}


@pytest.mark.parametrize("firing", ABOUT_RUNS)
@pytest.mark.parametrize("rule", ABOUT_RUNS)
def test_within_a_run(firing: str, rule: str) -> None:
    found = inhibitor(AlertKey(rule, RUN), [AlertKey(firing, RUN)])
    assert found == (firing if rule in MUTED.get(firing, set()) else None)


@pytest.mark.parametrize("rule", sorted(MUTED["nonfinite"]))
def test_another_run_mutes_nothing(rule: str) -> None:
    others = [AlertKey(name, Subject("run", "b")) for name in ABOUT_RUNS]
    assert inhibitor(AlertKey(rule, RUN), others) is None


def test_an_alert_of_one_validation_set_is_muted_by_one_of_the_whole_run() -> None:
    assert inhibitor(AlertKey("eval_loss_gap", RUN, "qa"), [AlertKey("nonfinite", RUN)])


@pytest.mark.parametrize(
    ("rule", "subject", "source", "node", "muted"),
    [
        ("run_stalled", RUN, "mlflow", "n1", True),
        ("training_time_exceeded", RUN, "mlflow", "n2", True),
        ("loss_increase", RUN, "mlflow", "n1", False),
        ("run_stalled", RUN, "nvml", "n1", False),
        ("gpu_memory_high", Subject("gpu", "g", "n1"), "nvml", "n1", True),
        ("gpu_memory_high", Subject("gpu", "g", "n1"), "nvml", "n2", False),
        ("gpu_xid", Subject("gpu", "g", "n1"), "nvml", "n1", True),
        ("gpu_lost", Subject.of_node("n1"), "nvml", "n1", True),
        ("gpu_lost", Subject.of_node("n1"), "nvml", "n2", False),
        ("node_silent", Subject.of_node("n1"), "nvml", "n1", False),
        ("gpu_memory_high", Subject("gpu", "g", "n1"), "mlflow", "n1", False),
        ("source_down", Subject("source", "nvml", "n1"), "mlflow", "n1", False),
    ],
)
def test_by_a_source_that_is_down(
    rule: str, subject: Subject, source: str, node: str, *, muted: bool
) -> None:
    down = AlertKey("source_down", Subject("source", source, node))
    assert inhibitor(AlertKey(rule, subject), [down]) == ("source_down" if muted else None)


def test_nothing_mutes_itself_and_nothing_firing_mutes_nothing() -> None:
    for rule in ABOUT_RUNS:
        assert inhibitor(AlertKey(rule, RUN), [AlertKey(rule, RUN, "qa")]) is None
        assert inhibitor(AlertKey(rule, RUN), []) is None


def test_every_name_is_that_of_a_rule() -> None:
    table = [*INHIBITS.items(), *((None, muted) for muted in INHIBITS_BY_SOURCE.values())]
    names = {name for rule, muted in table for name in (rule, *muted) if name}
    assert names <= RULES.keys()
