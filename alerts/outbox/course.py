"""What becomes of a row: through a transition, a delivery, a handover, and as time passes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from alerts.model import Severity, Transition
from alerts.notify.notice import Kind
from alerts.outbox.pace import Pace, growth_told, repeats_by_time
from alerts.outbox.retry import caught_up
from alerts.outbox.row import Row


@dataclass(frozen=True, slots=True)
class News:
    """A transition on its way to one destination; `now` is when it was handed in."""

    transition: Transition
    channel: str
    now: float
    experiment: str = ""
    withheld: bool = False


class Standing(NamedTuple):
    """How an alert stands when its rows are reviewed."""

    firing: bool = False
    withheld: bool = False
    value: float | None = None


def successor(row: Row | None, news: News, pace: Pace) -> Row | None:
    """Return what becomes of a destination's row through a transition; pure.

    The same object when nothing is to be told: an episode is told once per severity, and its end
    only where its begin was, or may have been, told. A firing that is still unsent when it ends
    becomes one message saying both.
    """
    transition = news.transition
    if transition.event:
        return row if row or news.withheld else _fresh(Kind.EVENT, news, pace)
    if transition.state == "resolved":
        return row and _ended(row, news.now, pace)
    if row is None:
        return _fresh(Kind.FIRING, news, pace)
    if row.kind.closes or transition.severity.rank <= row.severity.rank:
        return row
    if row.kind is Kind.FIRING and row.pending:
        return _sharpened(row, transition.severity, news.now, pace)
    worse = replace(row, severity=transition.severity, repeats=0)
    return _renewed(worse, _again(row, Kind.ESCALATED), news.now, pace)


def delivered(row: Row, now: float) -> Row | None:
    """Return what is left of a row whose news has arrived; pure."""
    if row.kind.closes:
        return None
    return replace(row, pending=False, told=True, told_at=now, attempts=0, rejections=0, value=None)


def overtaken(row: Row) -> Row:
    """Return `row` when the news that it replaced was delivered after all; pure."""
    later = {Kind.FIRING: Kind.ESCALATED, Kind.FIRED_AND_RESOLVED: Kind.RESOLVED}
    return replace(row, kind=later.get(row.kind, row.kind), told=True)


def given_up(row: Row, now: float) -> Row | None:
    """Return what is left of a row that could not be delivered; pure.

    While the alert fires it is tried again when a repeat would be due: the channel may work then.
    """
    if row.kind.closes:
        return None
    return replace(row, pending=False, told_at=now, attempts=0, rejections=0)


def reopened(row: Row, now: float) -> Row:
    """Return the row of a channel that may work now, where it was given up before; pure."""
    if row.pending or row.told:
        return row
    return replace(row, kind=Kind.FIRING, pending=True, created=now, next_try=now)


def handed_over(row: Row, channel: str, now: float) -> Row:
    """Return the row by which another channel, which told nothing so far, takes over; pure."""
    kind = Kind.FIRING if row.kind in (Kind.ESCALATED, Kind.REPEATED) else row.kind
    return Row(
        row.key,
        row.episode,
        kind,
        row.severity,
        channel,
        created=now,
        next_try=now,
        experiment=row.experiment,
        withheld=row.withheld,
    )


def reviewed(row: Row, standing: Standing, pace: Pace, now: float) -> Row | None:
    """Return the row as the alert's standing has it: withheld, released or repeated; pure.

    What is withheld until it has ended is told to nobody, unless something of it was told before.
    """
    row = replace(caught_up(row, now), told_at=min(row.told_at, now))
    if standing.withheld and row.kind.closes and not row.told:
        return None
    if standing.withheld != row.withheld:
        row = replace(row, withheld=standing.withheld)
        # Its patience begins with its release: what waited was no channel.
        return row if row.withheld or not row.pending else _delayed(row, now, pace)
    if row.pending or row.withheld or not standing.firing:
        return row
    return _repeated(row, standing, pace, now)


def _repeated(row: Row, standing: Standing, pace: Pace, now: float) -> Row:
    growth = growth_told(row) if row.told else None
    if growth is not None and row.value is None:
        return replace(row, value=standing.value)
    by_time = growth is None or repeats_by_time(row)
    is_due = by_time and now - row.told_at >= pace.repeat_after(row)
    if growth is not None:
        grown = (standing.value or 0.0) - (row.value or 0.0)
        is_due = is_due or (grown >= growth and row.severity is not Severity.INFO)
    if not is_due:
        return row
    again = replace(row, repeats=row.repeats + 1)
    return _renewed(again, _again(row, Kind.REPEATED), now, pace)


def _again(row: Row, kind: Kind) -> Kind:
    """Return `kind`, which says that it was told before, unless it was not."""
    return kind if row.told or row.pending else Kind.FIRING


def _fresh(kind: Kind, news: News, pace: Pace) -> Row:
    transition = news.transition
    return Row(
        key=transition.key,
        episode=transition.episode,
        kind=kind,
        severity=transition.severity,
        channel=news.channel,
        created=news.now,
        next_try=news.now + pace.wait(kind, transition.severity),
        experiment=news.experiment,
        withheld=news.withheld,
    )


def _sharpened(row: Row, severity: Severity, now: float, pace: Pace) -> Row:
    """Raise the severity of what is not told yet; a channel that fails is not hurried."""
    soonest = now + pace.wait(row.kind, severity)
    next_try = row.next_try if row.attempts else min(row.next_try, soonest)
    return replace(row, severity=severity, next_try=next_try)


def _ended(row: Row, now: float, pace: Pace) -> Row | None:
    if row.kind.closes:
        return row
    if not row.pending and not row.told:
        return None
    if row.kind is Kind.FIRING and row.pending:
        if row.withheld and not row.told:
            return None
        # The backoff stays: it is the channel that fails, whatever there is to say.
        return replace(row, kind=Kind.FIRED_AND_RESOLVED, created=now)
    return _renewed(row, Kind.RESOLVED, now, pace)


def _renewed(row: Row, kind: Kind, now: float, pace: Pace) -> Row:
    return _delayed(replace(row, kind=kind, attempts=0, rejections=0), now, pace)


def _delayed(row: Row, now: float, pace: Pace) -> Row:
    """Let a row begin to wait now; one that backs off already goes on doing so."""
    soonest = now + pace.wait(row.kind, row.severity)
    next_try = max(soonest, row.next_try) if row.pending else soonest
    return replace(row, created=now, next_try=next_try, pending=True)
