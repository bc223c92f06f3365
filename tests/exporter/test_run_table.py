"""The table of runs fits the terminal, and what runs are called cannot spoil it."""

from __future__ import annotations

import json
import math
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.model import AlertKey, Extremum, Severity, Subject, Transition
from exporter.app.run_list import RunRow
from exporter.app.run_table import COLUMNS, json_line, table
from exporter.snapshot import Run

SHOWN = Run(
    run_id="0123456789abcdef0123456789abcdef",
    name="llama-3-8b-lora-r16",
    experiment="support-bot",
    experiment_id="1",
    user="ann",
    status="RUNNING",
    started_at=1_000.0,
    ended_at=None,
    latest=(),
    last_log_at=5_000.0,
)


def alert(rule: str, *, eval_set: str = "", by: str | None = None) -> Transition:
    return Transition(
        AlertKey(rule, Subject("run", SHOWN.run_id), eval_set),
        *("firing", Severity.WARNING, 1, 4_000.0, 1.0, 0.5),
        *("it rose", "look"),
        step=40,
        inhibited_by=by,
    )


ROW = RunRow(
    shown=SHOWN,
    step=1_250,
    epoch=1.25,
    loss=0.73125,
    eval_loss=0.81,
    best=Extremum(1_000, 0.79),
    learning_rate=2e-5,
    age=12.0,
    duration=8_000.0,
    alerts=(alert("eval_loss_gap", eval_set="qa"), alert("plateau", by="overfitting")),
)
BARE = replace(
    ROW,
    shown=replace(SHOWN, name="", status="FINISHED"),
    step=None,
    epoch=None,
    loss=None,
    eval_loss=None,
    best=None,
    learning_rate=None,
    age=None,
    duration=3 * 86_400.0,
    alerts=(),
)


def cells(line: str) -> int:
    """Return how many columns of a terminal a line takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def test_in_80_columns_what_matters_most_is_there() -> None:
    assert list(table([ROW, BARE], 80)) == [
        "RUN                  STATUS    STEP    LOSS  EVAL_LOSS  AGE  ALERTS",
        "llama-3-8b-lora-r16  RUNNING   1250  0.7312       0.81  12s  eval_loss_gap[qa]",
        "-                    FINISHED     -       -          -    -",
    ]


def test_in_200_columns_everything_is_there() -> None:
    shown = [line.split("  ") for line in table([ROW, BARE], 200)]
    assert [[cell.strip() for cell in line if cell.strip()] for line in shown] == [
        [column.title for column in COLUMNS],
        [
            *("llama-3-8b-lora-r16", "support-bot", "RUNNING", "1250", "1.25", "0.7312", "0.81"),
            *("0.79", "1000", "2.248", "2e-05", "12s", "2h13m", SHOWN.run_id, "eval_loss_gap[qa]"),
        ],
        ["-", "support-bot", "FINISHED", *"---------", "3d", SHOWN.run_id],
    ]


def test_without_a_terminal_nothing_is_cut_but_endless_names() -> None:
    long = replace(ROW, shown=replace(SHOWN, name="n" * 250, experiment="e" * 60))
    [_, line] = table([long], 0)
    assert "e" * 60 in line
    assert line.startswith("n" * 47 + "…  ")


@given(
    names=st.lists(st.text(max_size=60), min_size=1, max_size=4),
    width=st.integers(60, 240),
)
def test_no_name_breaks_a_line_or_overflows_it(names: list[str], width: int) -> None:
    rows = [replace(ROW, shown=replace(SHOWN, name=name, experiment=name)) for name in names]
    lines = list(table(rows, width))
    assert len(lines) == 1 + len(rows)
    assert all(line.isprintable() for line in lines)
    assert all(cells(line) <= width for line in lines)


@pytest.mark.parametrize("name", ["\x1b[31mred\x1b[0m", "two\nlines", "tab\tbed", "\u202eevil"])
def test_control_characters_reach_no_terminal(name: str) -> None:
    [_, line] = table([replace(ROW, shown=replace(SHOWN, name=name))], 200)
    assert line.isprintable()


def test_wide_letters_keep_the_columns_straight() -> None:
    rows = [ROW, replace(ROW, shown=replace(SHOWN, name="日本語のモデル"))]
    first, second = list(table(rows, 120))[1:]
    before = [line[: line.index("RUNNING")] for line in (first, second)]
    assert cells(before[0]) == cells(before[1])


def test_json_is_strict_and_has_every_alert() -> None:
    found = json.loads(json_line(replace(ROW, loss=math.nan, eval_loss=math.inf)))
    assert (found["loss"], found["eval_loss"], found["perplexity"]) == ("NaN", "+Inf", "+Inf")
    assert [(a["rule"], a["inhibited_by"]) for a in found["alerts"]] == [
        ("eval_loss_gap", None),
        ("plateau", "overfitting"),
    ]
