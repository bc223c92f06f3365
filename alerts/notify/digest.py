"""What a channel was spared, in one message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alerts.model import Severity
from alerts.notify.escape import plain
from alerts.notify.notice import Kind
from alerts.notify.numbers import utc
from alerts.notify.story import Block, Caps, Drawing, Line, Section, Story

_ROWS = 12
ENDED = "resolved"
"""Stands for the severity of what is over."""
Counts = Mapping[tuple[str, str], int]


def digest_story(channel: str, counts: Counts, since: float, caps: Caps) -> Story:
    """Tell how many alerts of each (rule, severity) were held back since then (Unix seconds)."""
    total = sum(counts.values())
    ended = sum(count for (_, severity), count in counts.items() if severity == ENDED)
    of_them = f", {ended} of them resolved" if ended else ""
    return Story(
        mark="DIGEST",
        what=f"{total} alert{'' if total == 1 else 's'} held back{of_them}",
        whom=plain(channel, caps.name),
        severity=max((_severity(name) for _, name in counts), key=_rank, default=Severity.INFO),
        kind=Kind.EVENT,
        sections=(Section(tuple(_blocks(counts, since, caps))),),
        footer=f"digest · {plain(channel, caps.name)}",
    )


def _blocks(counts: Counts, since: float, caps: Caps) -> Iterator[Block]:
    when = f" since {utc(since)}" if utc(since) else ""
    yield Line(f"So as not to flood this channel, these were not sent one by one{when}:")
    rows = sorted(counts.items(), key=_urgency)
    shown = rows[: min(_ROWS, 2 * caps.facts)]
    yield Drawing(tuple(_row(*row, caps) for row in shown))
    left = sum(count for _, count in rows[len(shown) :])
    if left:
        yield Line(f"and {left} of other rules.")
    yield Line("What is firing now is listed by tunewatch itself, at /api/v1/alerts.")
    if all(_severity(name) is not Severity.CRITICAL for _, name in counts):
        yield Line("Critical alerts are never held back.", tone="quiet")


def _urgency(row: tuple[tuple[str, str], int]) -> tuple[bool, int, int, str]:
    (rule, severity), count = row
    return severity == ENDED, -_rank(_severity(severity)), -count, rule


def _row(what: tuple[str, str], count: int, caps: Caps) -> str:
    rule, severity = what
    shown = ENDED if severity == ENDED else _severity(severity).value
    return f"{count:>4} x {plain(rule, caps.word)} ({shown})"


def _severity(name: str) -> Severity:
    return Severity(name) if name in set(Severity) else Severity.INFO


def _rank(severity: Severity) -> int:
    return severity.rank
