"""Compare runs: what was done differently, and what came of it."""

from __future__ import annotations

from grafana import choices, units, variables
from grafana.board import Board, Row
from grafana.choices import CHOSEN
from grafana.looks import log_scale
from grafana.panels import About
from grafana.parts.overlaid import runs_by_step
from grafana.parts.params import params_that_differ
from grafana.parts.results import best, results
from grafana.queries import series
from grafana.runs import EVAL_LOSS, GRAD_NORM, LEARNING_RATE, LOSS

NO_RUNS = "Choose two or more runs above, and a range in which they trained"
_BEST = About(
    10,
    "Best validation loss",
    "The lowest that each run has reached; the shortest bar is the best run. Compare only runs "
    "with the same validation data and tokenizer: the loss of others is another number.",
    units.NONE,
    "None of these runs has been validated",
)
_RESULTS = About(
    11,
    "Results",
    "What the runs have come to, one column for each. A last validation loss far above the best "
    "means that the run went on for too long: use the checkpoint of the best step.",
    units.NONE,
    NO_RUNS,
)
_PARAMS = About(
    12,
    "Params",
    "What was done differently (choose all of them above). Where more than one param differs, "
    "nobody knows which of them made the difference: change one at a time.",
    units.NONE,
    "No exported param differs between these runs",
)
_LOSS = About(
    20,
    "Training loss by step",
    "A run below another at the same step learns faster; below it in validation too, it is "
    "better. Steps of different batch sizes are different amounts of data.",
    units.NONE,
    NO_RUNS,
)
_EVAL = About(
    21,
    "Validation loss by step",
    "The curve that reaches lowest wins. One that turns upwards overfits: its later checkpoints "
    "are worse.",
    units.NONE,
    "None of these runs has been validated",
)
_RATE = About(
    22,
    "Learning rate by step",
    "Where losses part, look whether the schedules had parted before: then the peak or the "
    "warm-up made the difference.",
    "sci",
    "None of these runs logs a learning rate",
)
_NORM = About(
    23,
    "Gradient norm by step",
    "A run whose gradients grow by powers of ten is about to diverge: clip them, or lower its "
    "learning rate.",
    units.NONE,
    "None of these runs logs a gradient norm",
)
_METRIC = About(
    30,
    "$metric by step",
    "Whatever the runs log; choose it above. What is bad depends on the metric.",
    units.NONE,
    "None of these runs has logged this metric",
)

BOARD = Board(
    file="compare-runs.json",
    uid="tunewatch-compare",
    title="tunewatch / Compare runs",
    description="Two or more runs: which params differ, and which run came out best.",
    since="now-2d",
    variables=[
        choices.experiment(),
        choices.runs(),
        variables.custom("differing", "Params", {"that differ": "1", "all": "0"}, "that differ"),
        variables.one("metric", "Metric", series("mlflow_run_metric", *CHOSEN), "metric", LOSS[0]),
    ],
    panels=[
        best(_BEST, *CHOSEN).span(8).height(12),
        results(_RESULTS, *CHOSEN).span(16).height(12),
        params_that_differ(_PARAMS, *CHOSEN).span(24).height(10),
        runs_by_step(_LOSS, LOSS, *CHOSEN).height(11),
        runs_by_step(_EVAL, EVAL_LOSS, *CHOSEN).height(11),
        runs_by_step(_RATE, LEARNING_RATE, *CHOSEN),
        runs_by_step(_NORM, GRAD_NORM, *CHOSEN).scale_distribution(log_scale()),
    ],
    rows=[
        Row(
            40,
            "Any other metric",
            [runs_by_step(_METRIC, ("$metric",), *CHOSEN).span(24)],
            collapsed=True,
        )
    ],
)
