"""The list of alerts that fire or wait to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.builders import table as tables

from grafana.looks import colored_cell, link, mapped, width, wrapped
from grafana.panels import About
from grafana.parts.run_table import TO_RUN
from grafana.queries import labelled, named_run
from grafana.tables import Column, merged
from grafana.words import ADVICE, ALERT, RULE, alert

SUBJECT = ("experiment", "run_id", "run_name", "eval_set", "uuid", "source", "workload_node")
"""What tells alerts of one rule apart."""


def alert_list(about: About, columns: Mapping[str, str], *of: str) -> tables.Panel:
    """Return the alerts about runs that the matchers choose, the gravest first, with what to do.

    `columns` are the labels of SUBJECT that are shown, with their titles.
    """
    shown = {**dict.fromkeys(SUBJECT, ""), **columns}
    panel = _alerts(about, shown, named_run(_found(SUBJECT, *of)))
    return panel.override_by_name("Run", [link("Open the run", TO_RUN), width(220)])


def machine_alerts(about: About, columns: Mapping[str, str], *of: str) -> tables.Panel:
    """Return the alerts about no run that the matchers choose, told apart by `columns`."""
    return _alerts(about, columns, _found(tuple(columns), 'run_id=""', *of))


def _found(subject: Sequence[str], *of: str) -> str:
    return labelled(alert(("rule", *subject), *of), "advice", "$1", "rule", "(.*)")


def _alerts(about: About, subject: Mapping[str, str], found: str) -> tables.Panel:
    keys = {"rule": "Rule", **subject, "advice": "What to do"}
    state = Column(found, "State", looks=(mapped(ALERT), colored_cell(), width(90)))
    gravest = common.TableSortByFieldState().display_name("State").desc(desc=True)
    panel = merged(about, keys, [state]).sort_by([gravest])
    panel.override_by_name("Rule", [mapped(RULE), colored_cell(), width(180)])
    return panel.override_by_name("What to do", [mapped(ADVICE), wrapped()])
