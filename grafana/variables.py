"""What a person chooses at the top of a dashboard."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from grafana.queries import RUN, max_by, named_run
from grafana.targets import DATASOURCE

Variable = Builder[model.VariableModel]
ALL = ".+"
"""What All stands for in matchers: any value, but not a series without the label."""


def datasource() -> Variable:
    """Return the choice of the Prometheus that all queries ask."""
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def values(name: str, label: str, selected: str, of: str) -> dashboard.QueryVariable:
    """Return a choice of several values of the label `of`, or all, in the range shown."""
    return _query(name, label, f"label_values({selected}, {of})")


def one(name: str, label: str, selected: str, of: str, first: str = "") -> dashboard.QueryVariable:
    """Return a choice of one value of the label `of` in the range shown; `first` if it is there."""
    variable = single(values(name, label, selected, of))
    if first:
        variable.current(model.VariableOption(text=first, value=first, selected=True))
    return variable


def hidden(name: str, selected: str, of: str) -> dashboard.QueryVariable:
    """Return the one value of the label `of` that links need, without a choice."""
    return one(name, name, selected, of).hide(model.VariableHide.HIDE_VARIABLE)


def runs(name: str, label: str, selected: str) -> dashboard.QueryVariable:
    """Return a choice of runs by their names, whose values are their ids; several or all.

    `selected` selects a metric that tells which runs there are.
    """
    named = named_run(max_by(RUN, f"last_over_time({selected}[$__range])"))
    query = f"query_result({max_by(('run', 'run_id'), named)})"
    return _query(name, label, query).regex('/run="(?<text>.*)",run_id="(?<value>[^"]+)"/')


def devices(name: str, label: str, named: str) -> dashboard.QueryVariable:
    """Return a choice of GPUs by the label `device` of a vector, whose values are their uuids."""
    listed = _query(name, label, f"query_result({named})")
    return listed.regex('/device="(?<text>.*)",uuid="(?<value>[^"]+)"/')


def single(variable: dashboard.QueryVariable) -> dashboard.QueryVariable:
    """Turn a choice of several values into a choice of one."""
    variable.multi(multi=False).include_all(include_all=False)
    built = variable.build()
    built.all_value = built.current = None
    return variable


def custom(name: str, label: str, options: Mapping[str, str], chosen: str) -> Variable:
    """Return a choice of fixed options, by what is shown the value; `chosen` is shown at first."""
    listed = [model.VariableOption(text == chosen, text, value) for text, value in options.items()]
    query = ", ".join(f"{text} : {value}" for text, value in options.items())
    current = next(option for option in listed if option.text == chosen)
    return (
        dashboard.CustomVariable(name).label(label).values(query).options(listed).current(current)
    )


def _query(name: str, label: str, query: str) -> dashboard.QueryVariable:
    everything = model.VariableOption(text="All", value="$__all", selected=True)
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(query)
        .definition(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(ALL)
        .current(everything)
    )
