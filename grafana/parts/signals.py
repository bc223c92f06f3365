"""The numbers that rules compare, with the thresholds in force as lines."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.promrules.annotations import title
from alerts.promrules.promql import number
from alerts.signals import SIGNALS, Signal
from exporter.metrics.catalog import CATALOG
from grafana import units
from grafana.choices import THIS_RUN
from grafana.looks import BLUE, RED, colored, dashed
from grafana.panels import About, Panel, timeseries
from grafana.queries import labelled, max_by, series
from grafana.targets import Target, curve
from grafana.words import advice

THRESHOLD = "threshold"
ONLY = "this run"
IDS = {
    "loss_increase": 60,
    "epoch_loss_stall": 61,
    "eval_loss_gap": 62,
    "eval_loss_rising": 63,
    "nonfinite": 64,
    "training_time_exceeded": 65,
}
"""The panels by rule."""
SIDES = {">": "above", ">=": "at or above", "<": "below"}


def signals() -> Iterator[Panel]:
    """Yield one panel for each rule that compares a number."""
    for rule, signal in SIGNALS.items():
        shown = timeseries(_about(rule, signal), *_targets(rule, signal)).span(8).height(7)
        shown.override_by_name(ONLY, [colored(BLUE)]).axis_soft_min(0).axis_soft_max(1)
        yield shown.override_by_name(THRESHOLD, [colored(RED), dashed()])


def _about(rule: str, signal: Signal) -> About:
    return About(
        IDS[rule],
        title(rule),
        f"{CATALOG[signal.metric].help}. Bad is {SIDES[signal.comparison]} the red line, which is "
        f"the threshold in force of the rule {rule}. {advice(rule)}",
        units.unit_of(signal.metric),
        "Not known yet, or the rule does not apply to this run",
    )


def _targets(rule: str, signal: Signal) -> Iterator[Target]:
    labels = ("eval_set",) if signal.per_set else ("run_id",)
    vector = max_by(labels, series(signal.metric, THIS_RUN))
    if signal.per_set:
        yield curve(labelled(vector, "eval_set", ONLY, "eval_set", ""), "{{eval_set}}")
    else:
        yield curve(vector, ONLY)
    yield curve(_threshold(rule, signal), THRESHOLD, "B")


def _threshold(rule: str, signal: Signal) -> str:
    """Return the limit in the unit of the metric."""
    if signal.limit is not None:
        return f"vector({number(signal.limit)})"
    in_force = series("tunewatch_threshold", f'rule="{rule}"')
    limit = f"max({in_force})"
    return limit if signal.unit == 1 else f"{limit} * {number(signal.unit)}"
