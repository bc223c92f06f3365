"""Training runs: how all runs do, the first look in the morning."""

from __future__ import annotations

from grafana import choices, units
from grafana.board import Board, Row
from grafana.choices import CHOSEN
from grafana.looks import legend
from grafana.marks import alerts, ends, starts
from grafana.panels import About
from grafana.parts.alert_list import alert_list
from grafana.parts.overlaid import runs_by_step, runs_over_time
from grafana.parts.overview import overview
from grafana.parts.run_table import run_table
from grafana.runs import EVAL_LOSS, LOSS

NO_RUNS = "No run in this range"
_TABLE = About(
    10,
    "Runs",
    "One row for each run of the range, with its last values, also after its end. Red and orange "
    "words want somebody: open the run by its name. ★ is the lowest validation loss of its "
    "experiment; of several validation sets the worst counts. 'Silent for' is the time since the "
    "trainer logged: long for a run that is running, it hangs or was killed.",
    units.NONE,
    NO_RUNS,
)
_ALERTS = About(
    11,
    "Alerts about runs",
    "What fires now, or waits to, and what to do. The runbook says what every rule means. Nothing "
    "is listed while all is well.",
    units.NONE,
    "No alert about a run",
)
_LOSS = About(
    20,
    "Training loss by step",
    "All runs against their steps, so that they can be compared whenever they ran. A curve that "
    "rises diverges: lower its learning rate; one that stays flat learns nothing: raise it. Points "
    "are as far apart as scrapes: MLflow has every step.",
    units.NONE,
    NO_RUNS,
)
_EVAL = About(
    21,
    "Validation loss by step",
    "A curve that turns upwards overfits: stop that run, and use the checkpoint of its lowest "
    "point.",
    units.NONE,
    "No run has logged a validation loss in this range",
)
_OVER_TIME = About(
    30,
    "Training loss over time",
    "Which run trained when. A curve that ends without the run having ended has gone silent.",
    units.NONE,
    NO_RUNS,
)

BOARD = Board(
    file="training-runs.json",
    uid="tunewatch-runs",
    title="tunewatch / Training runs",
    description="All fine-tuning runs: which learn, which need somebody, and which is best.",
    since="now-12h",
    variables=[choices.experiment(), choices.runs()],
    annotations=[alerts(*CHOSEN), starts(*CHOSEN), ends(*CHOSEN)],
    panels=[
        *overview(CHOSEN),
        run_table(_TABLE, *CHOSEN).span(24),
        runs_by_step(_LOSS, LOSS, *CHOSEN).height(10),
        runs_by_step(_EVAL, EVAL_LOSS, *CHOSEN).height(10),
        alert_list(_ALERTS, {"run": "Run", "eval_set": "Validation set"}, *CHOSEN).height(7),
    ],
    rows=[
        Row(
            40,
            "Over time",
            [runs_over_time(_OVER_TIME, LOSS, *CHOSEN).span(24).legend(legend("lastNotNull"))],
        )
    ],
)
