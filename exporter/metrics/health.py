"""How each source fares at the moment of a scrape, judged from the board."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.board import AnyReading, Board
from exporter.snapshot import Health

STUCK_INTERVALS = 3
STUCK_AT_LEAST = 30.0


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source now; `health` is of its last finished collection, None before the first.

    `stuck` is a collection that has been under way for far too long, `expired` is data whose life
    is over. `up` is false in both cases, whatever the last finished collection said.
    """

    name: str
    health: Health | None
    stuck: bool
    expired: bool

    @property
    def up(self) -> bool:
        """Whether the source was read when it last should have been."""
        return self.health is not None and self.health.up and not (self.stuck or self.expired)

    @property
    def problem(self) -> str:
        """What is wrong, in words; empty while the source is up."""
        if self.up:
            return ""
        if self.stuck:
            return "a collection is under way and does not return"
        if self.health is None:
            return "the first collection is under way"
        return self.health.problem or "the last reading is too old"


def expired(reading: AnyReading, now: float) -> bool:
    """Say whether the reading's data are past their life."""
    return reading.valid_until is not None and reading.valid_until < now


def source_states(
    board: Board, intervals: Mapping[str, float], now: float
) -> tuple[SourceState, ...]:
    """Judge every source of `intervals` (name to seconds between collections) at `now`."""
    return tuple(_state(board, name, interval, now) for name, interval in intervals.items())


def _state(board: Board, name: str, interval: float, now: float) -> SourceState:
    since = board.busy_since(name)
    patience = max(STUCK_INTERVALS * interval, STUCK_AT_LEAST)
    stuck = since is not None and now - since > patience
    reading = board.read().get(name)
    if reading is None:
        return SourceState(name, None, stuck, expired=False)
    return SourceState(name, reading.health, stuck, expired(reading, now))
