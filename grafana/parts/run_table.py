"""The table of runs: one row for each run of the range, also of those that have ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Property

from grafana import units
from grafana.looks import YELLOW, Mapped, colored_cell, decimals, link, mapped, width
from grafana.panels import About
from grafana.queries import RUN, averaged, kept, labelled, max_by, named_run, newest, series
from grafana.runs import (
    EPOCH,
    EVAL_LOSS,
    GRAD_NORM,
    LEARNING_RATE,
    LOSS,
    RUN_KEYS,
    busy,
    devices,
    duration,
    figure,
    logged,
    progress,
    step_of,
)
from grafana.tables import Column, merged
from grafana.words import ALERT, DIAGNOSIS, RULE, STATUS, alert

TO_RUN = (
    "/d/tunewatch-run?var-run_id=${__data.fields.run_id}&${datasource:queryparam}"
    "&${__url_time_range}"
)
"""The dashboard of the run in this row."""
BEST: Mapped = {"1": ("★", YELLOW)}
DIGITS = (decimals(4), width(66))
SMALL = (width(52),)
PARAMS = {"lora_rank": "LoRA rank", "learning_rate": "Peak LR"}
"""The params that are shown, of those that are exported, with their titles."""


def run_table(about: About, *of: str) -> tables.Panel:
    """Return the table of the runs that the matchers choose, newest first."""
    columns = [*_state(of), *_course(of), *_losses(of), *_params(of), *_circumstances(of)]
    newest_first = common.TableSortByFieldState().display_name("Started").desc(desc=True)
    panel = merged(about, RUN_KEYS, columns).sort_by([newest_first]).height(11)
    return panel.override_by_name("Run", [link("Open the run", TO_RUN), width(185)])


def _state(of: Sequence[str]) -> Iterator[Column]:
    """Yield how runs stand, in words."""
    for label, title, name, words, pixels in (
        ("status", "Status", "mlflow_run_status", STATUS, 70),
        ("diagnosis", "Diagnosis", "tunewatch_run_diagnosis", DIAGNOSIS, 88),
    ):
        seen = newest((*RUN, label), series(name, *of), ("run_id",))
        looks = (colored_cell(), width(pixels), mapped(words))
        yield Column(named_run(seen), labels={label: title}, label_looks=looks)
    gravest = f"topk by (run_id) (1, {alert((*RUN, 'rule'), *of)})"
    yield Column(
        named_run(gravest),
        "Severity",
        labels={"rule": "Alert"},
        looks=(mapped(ALERT), colored_cell(), width(60)),
        label_looks=(colored_cell(), width(88), mapped(RULE)),
    )


def _course(of: Sequence[str]) -> Iterator[Column]:
    """Yield how far runs have come."""
    yield _kept(progress(*of), "Done", units.RATIO, decimals(0), *SMALL)
    yield _kept(logged(EPOCH, *of), "Epoch", "", decimals(2), *SMALL)
    yield _kept(step_of(LOSS, *of), "Step", "", decimals(0), *SMALL)


def _losses(of: Sequence[str]) -> Iterator[Column]:
    """Yield how well runs do; of several validation sets the worst."""
    best = kept(figure("tunewatch_run_best_eval_loss", *of))
    lowest = f"{best} == on (experiment) group_left () min by (experiment) ({best})"
    yield _kept(logged(LOSS, *of), "Loss", "", *DIGITS)
    yield _kept(logged(EVAL_LOSS, *of), "Eval loss", "", *DIGITS)
    yield Column(named_run(best), "Best eval", looks=DIGITS)
    yield Column(
        named_run(f"({lowest}) * 0 + 1"), "★", looks=(mapped(BEST), colored_cell(), width(30))
    )
    perplexity = figure("tunewatch_run_perplexity", 'split="eval"', *of)
    yield _kept(perplexity, "Perplexity", "", decimals(2), width(66))
    yield _kept(logged(LEARNING_RATE, *of), "LR", "sci", decimals(2), width(66))
    yield _kept(logged(GRAD_NORM, *of), "Grad norm", "", decimals(2), width(66))


def _params(of: Sequence[str]) -> Iterator[Column]:
    """Yield some params of runs, as they were logged."""
    for param, title in PARAMS.items():
        info = series("mlflow_run_param_info", f'param="{param}"', *of)
        value = kept(max_by((*RUN, "value"), info))
        own = labelled(value, param, "$1", "value", "(.*)")
        expr = named_run(max_by((*RUN, param), own))
        yield Column(expr, labels={param: title}, label_looks=(width(70),))


def _circumstances(of: Sequence[str]) -> Iterator[Column]:
    """Yield on what runs train, and when."""
    count = f"count by ({', '.join(RUN)}) ({devices(*of)})"
    logged_at = figure("mlflow_run_last_log_timestamp_seconds", *of)
    started = f"{figure('mlflow_run_start_time_seconds', *of)} * 1000"
    yield _kept(count, "GPUs", "", *SMALL)
    yield Column(
        named_run(averaged(busy(*of))), "GPU busy", units.PERCENT, looks=(decimals(0), width(66))
    )
    yield _kept(duration(*of), "Duration", units.SECONDS, decimals(1), width(66))
    yield Column(
        named_run(f"time() - {kept(logged_at)}"),
        "Silent for",
        units.SECONDS,
        looks=(decimals(1), width(70)),
    )
    yield _kept(started, "Started", units.AGO, width(100))


def _kept(vector: str, title: str, unit: str = "", *looks: Property) -> Column:
    return Column(named_run(kept(vector)), title, unit, looks=looks)
