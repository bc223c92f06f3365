"""The first line of a run's dashboard: how it stands, at a glance."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import stat as stats

from alerts.thresholds import IdleTuning
from grafana import units
from grafana.choices import ABOUT_THIS_RUN, THIS_RUN
from grafana.looks import GREEN, ORANGE, RED, Mapped, decimals, mappings, steps
from grafana.panels import About, Panel, stat
from grafana.parts.overview import SILENT, or_none
from grafana.queries import kept
from grafana.runs import LOSS, busy, figure, logged, progress, remaining
from grafana.targets import value
from grafana.words import ALERT, DIAGNOSIS, STATUS, alert, by_number, diagnosis, status

ONE = ("run_id",)
NONE: Mapped = {"0": ("none", GREEN), **ALERT}
NOT_SEEN = "Not seen in this range"


def headline() -> Sequence[Panel]:
    """Return the state and the most asked for figures of the run."""
    return [*_states(), *_course(), *_losses(), _busy()]


def _states() -> Sequence[Panel]:
    about_status = About(
        1,
        "Status",
        "What MLflow says. It calls a run that crashed FINISHED and one that was killed RUNNING: "
        "the diagnosis and the alerts know better.",
        units.NONE,
        NOT_SEEN,
    )
    about_diagnosis = About(
        2,
        "Diagnosis",
        "One word for how the run learns, the gravest that holds. Red wants the run stopped; "
        "orange a look at learning rate and data; undecided means that too little is known yet.",
        units.NONE,
        NOT_SEEN,
    )
    about_alert = About(
        3,
        "Gravest alert now",
        "The timeline below says which rule it is; do what its message and the runbook say.",
        units.NONE,
        SILENT,
    )
    return [
        _state(about_status, kept(status(ONE, THIS_RUN))).mappings(mappings(by_number(STATUS))),
        _state(about_diagnosis, kept(diagnosis(ONE, THIS_RUN))).mappings(
            mappings(by_number(DIAGNOSIS))
        ),
        _state(about_alert, or_none(f"max({alert(('rule',), *ABOUT_THIS_RUN)})")).mappings(
            mappings(NONE)
        ),
    ]


def _state(about: About, expr: str) -> stats.Panel:
    return stat(about, value(expr)).span(3)


def _course() -> Sequence[Panel]:
    done = About(
        4,
        "Done",
        "Share of the planned epochs, or steps where the run plans those. It stands still when "
        "the trainer does.",
        units.RATIO,
        "The run does not say how far it means to go",
    )
    left = About(
        5,
        "Time left",
        "At the mean pace so far, evaluations included. It grows while the run stands still.",
        units.SECONDS,
        "The run does not say how far it means to go, or has ended",
    )
    return [
        stat(done, value(kept(progress(THIS_RUN)))).span(3).min(0).max(1).decimals(0),
        stat(left, value(remaining(THIS_RUN))).span(3).decimals(1),
    ]


def _losses() -> Sequence[Panel]:
    loss = About(
        6,
        "Training loss",
        "The newest value. NaN or infinity is the end of a run: go back to its last checkpoint.",
        units.NONE,
        NOT_SEEN,
    )
    best = About(
        7,
        "Best validation loss",
        "The lowest so far, and the step of it: the checkpoint to keep. Far behind the newest "
        "step, the run has stopped to improve.",
        units.NONE,
        "No validation yet",
    )
    return [
        stat(loss, value(kept(logged(LOSS, THIS_RUN)))).span(3).decimals(4),
        stat(
            best,
            value(kept(figure("tunewatch_run_best_eval_loss", THIS_RUN)), "loss", "A"),
            value(kept(figure("tunewatch_run_best_eval_step", THIS_RUN)), "at step", "B"),
        )
        .span(3)
        .override_by_name("loss", [decimals(4)]),
    ]


def _busy() -> Panel:
    about = About(
        8,
        "GPUs, busy",
        "Mean utilisation of the GPUs of this run, now. Below a half it mostly waits for data: "
        "more dataloader workers, data on a local disk, tokenise beforehand.",
        units.PERCENT,
        "No GPU is known to be this run's",
    )
    colored = steps({None: RED, IdleTuning().busy_pct: ORANGE, 50: GREEN})
    panel = stat(about, value(busy(THIS_RUN))).thresholds(colored)
    return panel.span(3).min(0).max(100).decimals(0)
