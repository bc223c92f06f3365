"""Params: those of one run, and what differs between several."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table as tables

from grafana.panels import About
from grafana.queries import RUN, max_by, named_run, series
from grafana.tables import arranged, crossed, table
from grafana.targets import rows

FACTS = ("param", "value")


def params_of(about: About, *of: str) -> tables.Panel:
    """Return the params of one run as a list."""
    found = max_by(FACTS, _ever((*RUN, *FACTS), *of))
    titles = {"param": "Param", "value": "As logged", "Value": "", "Value #A": ""}
    return table(about, rows(found)).transformations([arranged(titles)])


def params_that_differ(about: About, *of: str) -> tables.Panel:
    """Return a row for each param and a column for each run.

    With `$differing` 1 those rows alone in which runs differ, or of which some know nothing; with
    0 all of them.
    """
    info = _ever((*RUN, *FACTS), *of)
    runs = f"scalar(count(count by (run_id) ({info})))"
    values = f"count by (param) (count by (param, value) ({info})) > $differing"
    lacking = f"count by (param) ({info}) < {runs}"
    found = max_by(
        ("run", *FACTS), named_run(f"{info}\nand on (param) (({values})\nor ({lacking}))")
    )
    return table(about, rows(found)).transformations(crossed("param", "run", "value", "Param"))


def _ever(labels: tuple[str, ...], *of: str) -> str:
    """Return what was true at any time in the range, of what does not change."""
    return max_by(labels, f"last_over_time({series('mlflow_run_param_info', *of)}[$__range])")
