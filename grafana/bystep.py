"""Curves against the step: values and steps are paired by time, then spread out by step.

A value and its step are two metrics with the same labels in the same scrape. Grafana merges both
answers by time and series, and makes each series a column, in the order of their names. Where a run
was resumed, the later value of a step counts.

Of no answer at all Grafana would say that it cannot find the field step. So there is one then: a
point of no value, whose name in the legend is what an empty panel has to say.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import trend as trends

from grafana.panels import About, trend
from grafana.queries import labelled
from grafana.tables import left_of, matrix, renamed, sorted_by, transformation
from grafana.targets import rows_over_time

STEP = "step"


def by_step(about: About, value: str, step: str, label: str, selected: str) -> trends.Panel:
    """Return curves of `value` against `step`, one for each value of the label `label`.

    Both are aggregated to that one label; `selected` is the selector of the values.
    """
    nothing = f"max(absent_over_time({selected}[$__range] @ end()))"
    answers = (
        rows_over_time(f"{asked}\nor {labelled(f'{nothing} * {number}', label, about.empty)}", ref)
        for ref, asked, number in (("A", value, "NaN"), ("B", step, "0"))
    )
    panel = trend(about, STEP, *answers)
    # Grafana 11 takes the steps at the left of a matrix for text.
    left = left_of("Value #B", label)
    number = {"targetField": left, "destinationType": "number"}
    return panel.transformations(
        [
            transformation("merge"),
            sorted_by(label),
            matrix("Value #B", label, "Value #A"),
            transformation("convertFieldType", conversions=[number]),
            renamed({left: STEP}),
            sorted_by(STEP),
        ]
    )
