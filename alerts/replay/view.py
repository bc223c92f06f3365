"""A replay for machines (JSON lines) and for people (curves with marks and a table)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from alerts.history.roles import Roles, as_logged, first_present
from alerts.model import MetricPoint, ResolveReason, RunFacts, Transition
from alerts.notify.escape import plain
from alerts.replay.recording import Recording
from alerts.sparkline import sparkline
from alerts.thresholds import MetricNames
from alerts.view import json_number

WIDTH = 72
_MARKS = "abcdefghijklmnopqrstuvwxyz"


def json_line(facts: RunFacts, transition: Transition) -> str:
    """Return one transition as one line of strict JSON; `time` is RFC 3339 in UTC."""
    line = json.dumps(
        {
            "run": facts.name,
            "run_id": facts.run_id,
            "experiment": facts.experiment,
            "rule": transition.key.rule,
            "eval_set": transition.key.eval_set,
            "severity": transition.severity.value,
            "state": transition.state,
            "step": transition.step,
            "epoch": transition.epoch,
            "time": _utc(transition.at),
            "value": json_number(transition.value),
            "threshold": json_number(transition.threshold),
            "message": _message(transition),
            "action": transition.action,
            "reason": transition.reason,
            "inhibited_by": transition.inhibited_by,
        },
        allow_nan=False,
    )
    # Half a surrogate pair, which a name may hold, cannot be printed but as an escape.
    return line.encode("utf-8", "backslashreplace").decode()


_ENDED: Mapping[ResolveReason, str] = {
    "recovered": "recovered",
    "run_ended": "the run ended",
    "deleted": "the run was deleted",
    "rule_removed": "the rule was removed",
    "given_up": "the run was given up",
}


def _message(transition: Transition) -> str:
    if transition.reason is None:
        return transition.summary
    return f"{_ENDED[transition.reason]}; was: {transition.summary}"


def _utc(time: float) -> str:
    """Return RFC 3339, which ends with the year 9999; trainers may log any time."""
    latest = datetime.max.replace(tzinfo=UTC).timestamp() - 1
    return datetime.fromtimestamp(min(max(0.0, time), latest), UTC).isoformat(
        timespec="milliseconds"
    )


def report(recording: Recording, transitions: Sequence[Transition]) -> str:
    """Return the run's curves by step, a mark where each alert fired, and a line per alert."""
    fired = [t for t in transitions if t.state == "firing"]
    lines = [_headline(recording), *_curves(recording, fired)]
    lines += [_line(mark, t, recording.facts) for mark, t in zip(_marks(fired), fired, strict=True)]
    if not fired:
        lines.append("  no alert")
    return "\n".join(lines) + "\n"


def _headline(recording: Recording) -> str:
    facts = recording.facts
    steps = max((point.step for point in recording.points), default=0)
    about = (plain(facts.experiment), facts.status, f"{steps} steps", plain(facts.run_id))
    return f"{plain(facts.name)}  {' · '.join(about)}"


def _curves(recording: Recording, fired: Sequence[Transition]) -> Iterator[str]:
    roles = Roles(MetricNames())
    present = {point.metric for point in recording.points}
    loss = first_present(roles.loss, present)
    evals = sorted(name for name in present if roles.eval_set(name) is not None)
    shown = [name for name in (loss, *evals[:3]) if name]
    steps = [point.step for point in recording.points if point.metric in shown]
    if not steps:
        return
    span = (min(steps), max(steps))
    for name in shown:
        yield f"  {plain(name)[:14]:<14} {_by_step(recording.points, name, span)}"
    if fired:
        yield f"  {'':<14} {_mark_line(fired, span)}"


def _by_step(points: Iterable[MetricPoint], name: str, span: tuple[int, int]) -> str:
    """Draw one metric on a step axis of fixed width; a column without a point repeats the last."""
    columns: dict[int, float] = {}
    for point in sorted((p for p in points if p.metric == name), key=lambda p: p.time):
        columns[_column(point.step, span)] = as_logged(point.value)
    filled: list[float] = []
    for column in range(WIDTH):
        if column in columns or filled:
            filled.append(columns.get(column, filled[-1] if filled else math.nan))
    return " " * (WIDTH - len(filled)) + sparkline(filled, WIDTH)


def _column(step: int, span: tuple[int, int]) -> int:
    first, last = span
    return 0 if last == first else round((step - first) / (last - first) * (WIDTH - 1))


def _marks(fired: Sequence[Transition]) -> list[str]:
    return [_MARKS[index] if index < len(_MARKS) else "*" for index in range(len(fired))]


def _mark_line(fired: Sequence[Transition], span: tuple[int, int]) -> str:
    """Place the letters of alerts under their steps, the first of two at one place wins."""
    line = [" "] * WIDTH
    for mark, transition in zip(_marks(fired), fired, strict=True):
        column = _column(min(transition.step or span[0], span[1]), span)
        free = next((c for c in range(max(0, column), WIDTH) if line[c] == " "), None)
        if free is not None:
            line[free] = mark
    return "".join(line).rstrip()


def _line(mark: str, transition: Transition, facts: RunFacts) -> str:
    after = transition.at - facts.started_at
    epoch = "" if transition.epoch is None else f"epoch {transition.epoch:.4g}"
    inhibited = f"  (inhibited by {transition.inhibited_by})" if transition.inhibited_by else ""
    rule = transition.key.rule
    if transition.key.eval_set:
        rule += f"[{plain(transition.key.eval_set)}]"
    where = f"step {transition.step}" if transition.step is not None else ""
    return (
        f"  {mark}  {where:<11} {epoch:<12} {_duration(after):>8}  "
        f"{transition.severity.value:<8}  {rule:<22}  {plain(transition.summary)}{inhibited}"
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
