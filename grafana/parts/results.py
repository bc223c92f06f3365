"""What runs have come to, beside one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import bargauge
from grafana_foundation_sdk.builders import table as tables

from grafana import units
from grafana.looks import PLAIN, mapped, width
from grafana.panels import About, bars
from grafana.queries import LOOK_BACK, RUN, averaged, kept, labelled, max_by, named_run
from grafana.runs import (
    EPOCH,
    EVAL_LOSS,
    GRAD_NORM,
    LOSS,
    TOKEN_ACCURACY,
    busy,
    devices,
    duration,
    figure,
    logged,
    step_of,
)
from grafana.tables import crossed, table
from grafana.targets import rows, value


def results(about: About, *of: str) -> tables.Panel:
    """Return a row for each figure and a column for each run.

    The figures are numbered, so that their rows keep this order, and words stand for the numbers.
    Being of many kinds they are rounded, and shown as they are.
    """
    numbered = [(f"{place:02}", *found) for place, found in enumerate(_figures(of).items(), 1)]
    figures = (labelled(vector, "figure", place) for place, _, vector in numbered)
    found = max_by(("run", "figure"), named_run("\nor ".join(figures)))
    panel = table(about, rows(f"round({found}, 0.0001)")).unit(units.TEXT)
    panel.transformations(crossed("figure", "run", "Value", "Figure"))
    names = {place: (name, PLAIN) for place, name, _ in numbered}
    return panel.override_by_name("Figure", [mapped(names), width(190)])


def _figures(of: Sequence[str]) -> Mapping[str, str]:
    """Return the figures of runs by their names, which say the unit."""
    on = f"count by ({', '.join(RUN)}) ({devices(*of)})"
    last = {
        "Best validation loss": figure("tunewatch_run_best_eval_loss", *of),
        "… at step": figure("tunewatch_run_best_eval_step", *of),
        "Last validation loss": logged(EVAL_LOSS, *of),
        "Last training loss": logged(LOSS, *of),
        "Validation perplexity": figure("tunewatch_run_perplexity", 'split="eval"', *of),
        "Token accuracy": logged(TOKEN_ACCURACY, *of),
        "Gradient norm": logged(GRAD_NORM, *of),
        "Steps": step_of(LOSS, *of),
        "Epochs": logged(EPOCH, *of),
        "Duration (h)": f"({duration(*of)}) / 3600",
        "GPUs": on,
    }
    overall = {
        "GPU hours in this range": f"sum_over_time(({on}){LOOK_BACK}) / 60",
        "GPU busy, mean (%)": averaged(busy(*of)),
    }
    return {name: kept(vector) for name, vector in last.items()} | overall


def best(about: About, *of: str) -> bargauge.Panel:
    """Return the best validation loss of each run as a bar."""
    lowest = named_run(kept(figure("tunewatch_run_best_eval_loss", *of)))
    return bars(about, value(f"sort({lowest})", "{{run}}")).min(0).decimals(4)
