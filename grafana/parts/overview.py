"""The first line of the first dashboard: how many runs there are, and how many need somebody."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.thresholds import IdleTuning
from grafana import units
from grafana.looks import BLUE, GREEN, ORANGE, PLAIN, RED, mappings, steps
from grafana.panels import About, Panel, stat
from grafana.queries import RUN, max_by, series
from grafana.runs import busy
from grafana.targets import value
from grafana.words import UP

SILENT = "No data: is tunewatch up, and scraped?"


def overview(of: Sequence[str]) -> Sequence[Panel]:
    """Return the numbers of the runs that the matchers choose."""
    return [_running(of), *_alerts(of), _failed(of), _busy(of), _mlflow()]


def or_none(count: str) -> str:
    """Return zero where nothing is to be counted, and nothing where nobody counts."""
    return f"{count}\nor on () max({series('tunewatch_leader')}) * 0"


def _running(of: Sequence[str]) -> Panel:
    about = About(
        1,
        "Running",
        "Runs that MLflow calls RUNNING. One that was killed stays RUNNING for ever: look at "
        "'Silent for' in the table, and mark such a run as ended in MLflow.",
        units.NONE,
        SILENT,
    )
    active = max_by(RUN, series("mlflow_run_status", 'status="RUNNING"', *of))
    return stat(about, value(or_none(f"count({active})"))).thresholds(steps({None: BLUE}))


def _alerts(of: Sequence[str]) -> Sequence[Panel]:
    texts = {
        "critical": "Look now: each of these runs wastes its GPUs until somebody acts. The list "
        "below names the run and what to do.",
        "warning": "Look today: what the list below says will mostly not mend itself.",
    }
    colors = {"critical": RED, "warning": ORANGE}
    return [
        stat(
            About(2 + place, f"Runs with a {severity} alert", text, units.NONE, SILENT),
            value(or_none(f"count({_firing(severity, of)})")),
        ).thresholds(steps({None: GREEN, 1: colors[severity]}))
        for place, (severity, text) in enumerate(texts.items())
    ]


def _firing(severity: str, of: Sequence[str]) -> str:
    matchers = ('state="firing"', f'severity="{severity}"', 'run_id!=""')
    return max_by(("run_id",), series("tunewatch_alert_state", *matchers, *of))


def _failed(of: Sequence[str]) -> Panel:
    about = About(
        4,
        "Failed in this range",
        "Runs that ended as FAILED or KILLED. Read the traceback in the job's log, then resume "
        "from the last checkpoint.",
        units.NONE,
        SILENT,
    )
    ended = series("mlflow_run_status", 'status=~"FAILED|KILLED"', *of)
    seen = max_by(("run_id",), f"max_over_time({ended}[$__range])")
    colored = steps({None: PLAIN, 1: RED})
    return stat(about, value(or_none(f"count({seen})"))).thresholds(colored)


def _busy(of: Sequence[str]) -> Panel:
    about = About(
        5,
        "GPUs in training, busy",
        "Mean utilisation of the GPUs on which a run trains, now. Below a half, the runs mostly "
        "wait for data: more dataloader workers, data on a local disk, tokenise beforehand.",
        units.PERCENT,
        "No run is known to train on a GPU",
    )
    colored = steps({None: RED, IdleTuning().busy_pct: ORANGE, 50: GREEN})
    return stat(about, value(f"avg({busy(*of)})")).thresholds(colored).min(0).max(100).decimals(0)


def _mlflow() -> Panel:
    about = About(
        6,
        "MLflow",
        "Whether the tracking server answers. While it does not, everything here stands still: "
        "values are the last known ones, and no alert about a run comes or goes.",
        units.NONE,
        SILENT,
    )
    up = series("tunewatch_source_up", 'source="mlflow"')
    return stat(about, value(f"max({up})")).mappings(mappings(UP))
