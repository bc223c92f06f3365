"""The list of runs for people, as wide as their terminal, and for machines."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from alerts.model import Transition
from alerts.notify.escape import plain
from alerts.notify.numbers import number
from alerts.view import json_number
from exporter.app.run_list import RunRow

GAP = "  "
UNKNOWN = "-"
NAME_LEAST, NAME_MOST = 20, 48
ALERTS_LEAST = 20
WIDENED = ("RUN", "ALERTS", "EXPERIMENT")
"""The columns that may be cut, in the order in which they take what room is left."""


class Column(NamedTuple):
    """One column; those of the highest `rank` go first where there is no room."""

    title: str
    text: Callable[[RunRow], str]
    rank: int
    right: bool = True
    least: int = 0
    """How narrow a text may be cut; 0 is never."""


def _named(value: float | None, digits: int = 4) -> str:
    return UNKNOWN if value is None else number(value, digits)


def _span(seconds: float | None) -> str:
    """Return a duration in its largest unit, or two of hours and minutes."""
    if seconds is None:
        return UNKNOWN
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{int(seconds)}s"
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours < 48 else f"{hours // 24}d"


def _told(row: RunRow) -> list[str]:
    """Return the alerts that are not the mere consequence of another."""
    told = [alert for alert in row.alerts if alert.inhibited_by is None]
    return [
        plain(f"{a.key.rule}[{a.key.eval_set}]" if a.key.eval_set else a.key.rule) for a in told
    ]


COLUMNS = (
    Column("RUN", lambda row: plain(row.shown.name) or UNKNOWN, 0, right=False, least=NAME_LEAST),
    Column("EXPERIMENT", lambda row: plain(row.shown.experiment), 11, right=False, least=10),
    Column("STATUS", lambda row: row.shown.status, 0, right=False),
    Column("STEP", lambda row: UNKNOWN if row.step is None else str(row.step), 3),
    Column("EPOCH", lambda row: _named(row.epoch, 3), 8),
    Column("LOSS", lambda row: _named(row.loss), 1),
    Column("EVAL_LOSS", lambda row: _named(row.eval_loss), 2),
    Column("BEST_EVAL", lambda row: _named(row.best.value if row.best else None), 5),
    Column("BEST_STEP", lambda row: str(row.best.step) if row.best else UNKNOWN, 9),
    Column("PPL", lambda row: _named(row.perplexity), 7),
    Column("LR", lambda row: _named(row.learning_rate, 3), 10),
    Column("AGE", lambda row: _span(row.age), 4),
    Column("TIME", lambda row: _span(row.duration), 6),
    Column("RUN_ID", lambda row: plain(row.shown.run_id), 12, right=False),
    Column("ALERTS", lambda row: ", ".join(_told(row)), 0, right=False, least=ALERTS_LEAST),
)
"""AGE is that of the last point, TIME how long the run has lasted."""


def table(rows: Sequence[RunRow], width: int) -> Iterator[str]:
    """Yield the lines of the table, cut to a width in columns of the terminal; 0 is any width."""
    columns, widths = _fit(rows, width)
    yield _line([column.title for column in columns], columns, widths)
    for row in rows:
        yield _line([column.text(row) for column in columns], columns, widths)


def json_line(row: RunRow) -> str:
    """Return one run as one line of strict JSON; times are Unix seconds."""
    shown, best = row.shown, row.best
    return json.dumps(
        {
            "run": shown.name,
            "run_id": shown.run_id,
            "experiment": shown.experiment,
            "user": shown.user,
            "status": shown.status,
            "started_at": shown.started_at,
            "ended_at": shown.ended_at,
            "step": row.step,
            "epoch": json_number(row.epoch),
            "loss": json_number(row.loss),
            "eval_loss": json_number(row.eval_loss),
            "perplexity": json_number(row.perplexity),
            "best_step": best.step if best else None,
            "best_eval_loss": json_number(best.value) if best else None,
            "learning_rate": json_number(row.learning_rate),
            "last_point_at": shown.last_log_at,
            "duration_seconds": row.duration,
            "params": dict(shown.params),
            "alerts": [_alert(alert) for alert in row.alerts],
        },
        allow_nan=False,
    )


def _alert(alert: Transition) -> dict[str, Any]:
    return {
        "rule": alert.key.rule,
        "eval_set": alert.key.eval_set,
        "severity": alert.severity.value,
        "step": alert.step,
        "message": plain(alert.summary),
        "inhibited_by": alert.inhibited_by,
    }


def _fit(rows: Sequence[RunRow], width: int) -> tuple[list[Column], list[int]]:
    """Leave out columns until the rest fits, then cut the texts that may be cut."""
    columns = list(COLUMNS)
    natural = {c.title: max(map(_cells, (c.title, *map(c.text, rows)))) for c in columns}
    natural["RUN"] = min(natural["RUN"], NAME_MOST)
    if not width:
        return columns, [natural[column.title] for column in columns]

    def least(column: Column) -> int:
        full = natural[column.title]
        return min(full, column.least) if column.least else full

    def room() -> int:
        return width - sum(map(least, columns)) - len(GAP) * (len(columns) - 1)

    while room() < 0 and any(column.rank for column in columns):
        columns.remove(max(columns, key=lambda column: column.rank))
    widths = {column.title: least(column) for column in columns}
    left = max(0, room())
    for title in (title for title in WIDENED if title in widths):
        more = min(left, natural[title] - widths[title])
        left -= more
        widths[title] += more
    return columns, list(widths.values())


def _line(texts: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    cells = (
        _padded(_cut(text, width), width, right=column.right)
        for text, column, width in zip(texts, columns, widths, strict=True)
    )
    return GAP.join(cells).rstrip()


def _padded(text: str, width: int, *, right: bool) -> str:
    blank = " " * (width - _cells(text))
    return blank + text if right else text + blank


def _cut(text: str, width: int) -> str:
    if _cells(text) <= width:
        return text
    while _cells(text) > width - 1:
        text = text[:-1]
    return text + "…"


def _cells(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
