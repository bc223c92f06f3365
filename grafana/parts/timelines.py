"""What was found of a run, when, and for how long."""

from __future__ import annotations

from grafana import units
from grafana.choices import ABOUT_THIS_RUN, THIS_RUN
from grafana.looks import mappings
from grafana.panels import About, Panel, states
from grafana.targets import curve
from grafana.words import ALERT, DIAGNOSIS, alert, by_number, diagnosis

_DIAGNOSIS = About(
    50,
    "Diagnosis over time",
    "One word for how the run learns, the gravest that holds at each moment. What turned red first "
    "is mostly the cause of what follows: compare with the curves above it.",
    units.NONE,
    "No diagnosis in this range",
)
_RULES = About(
    51,
    "Rules over time",
    "When each rule fired, by severity, and when it waited to (pending). A rule that is not listed "
    "was never breached. The runbook says what every rule means and what to do.",
    units.NONE,
    "No rule was breached in this range",
)


def timelines() -> tuple[Panel, Panel]:
    """Return the diagnosis along time, and below it all rules that were breached."""
    found = curve(diagnosis(("run_id",), THIS_RUN), "diagnosis")
    fired = curve(alert(("rule",), *ABOUT_THIS_RUN), "{{rule}}")
    return (
        states(_DIAGNOSIS, found).mappings(mappings(by_number(DIAGNOSIS))).height(4),
        states(_RULES, fired).mappings(mappings(ALERT)).height(7),
    )
