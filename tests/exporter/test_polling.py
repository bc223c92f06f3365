"""A poller turns each attempt into a reading, and retries without pestering."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from exporter.board import Board
from exporter.polling import Poller
from exporter.snapshot import Reading
from exporter.sources import SourceDown

Step = str | Exception


class ScriptedSource:
    """A source that returns or raises what its script says; the last entry repeats."""

    def __init__(
        self,
        *script: Step,
        interval: float = 10.0,
        lifetime: float | None = 25.0,
        expected: bool = False,
        retry_most: float | None = None,
    ) -> None:
        self.name = "scripted"
        self.retry_most = retry_most
        self.interval = interval
        self.lifetime = lifetime
        self.expected = expected
        self.during: Callable[[], None] = lambda: None
        self._script = list(script)

    def collect(self, now: float) -> str:
        del now
        self.during()
        step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(step, Exception):
            raise step
        return step

    def close(self) -> None:
        """Nothing is held."""


class Stopwatch:
    """A monotonic clock that every look moves on by `step` seconds."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._now = 0.0

    def __call__(self) -> float:
        self._now += self._step
        return self._now


DOWN = SourceDown("no driver", "install one")


def poller(source: ScriptedSource, board: Board, *, took: float = 0.0) -> Poller:
    return Poller(source, board, monotonic=Stopwatch(took), jitter=lambda: 1.0)


def last(board: Board) -> Reading[str]:
    return board.read()["scripted"]


def test_a_success_is_published_with_its_health_and_life() -> None:
    board = Board()
    delay = poller(ScriptedSource("data"), board, took=0.25).tick(1000.0)
    reading = last(board)
    assert (reading.data, reading.valid_until, delay) == ("data", 1025.0, 9.75)
    health = reading.health
    assert (health.up, health.attempted_at, health.duration) == (True, 1000.0, 0.25)
    assert (health.last_success_at, health.failures, health.problem) == (1000.0, 0, "")


def test_the_board_knows_that_a_collection_is_under_way() -> None:
    board = Board()
    source = ScriptedSource("data")
    seen: list[float | None] = []
    source.during = lambda: seen.append(board.busy_since("scripted"))
    poller(source, board).tick(1000.0)
    assert seen == [1000.0]
    assert board.busy_since("scripted") is None


def test_lasting_facts_stay_while_the_source_is_down() -> None:
    board = Board()
    subject = poller(ScriptedSource("facts", DOWN, lifetime=None), board)
    subject.tick(1000.0)
    subject.tick(1010.0)
    reading = last(board)
    assert (reading.data, reading.valid_until, reading.health.up) == ("facts", None, False)
    assert (reading.health.last_success_at, reading.health.failures) == (1000.0, 1)
    assert reading.health.problem == "no driver: install one"


def test_data_with_a_life_end_when_the_source_goes_down() -> None:
    board = Board()
    subject = poller(ScriptedSource("data", DOWN), board)
    subject.tick(1000.0)
    subject.tick(1010.0)
    assert last(board).data is None


@pytest.mark.parametrize("lifetime", [None, 25.0])
def test_an_unexpected_error_counts_ends_the_attempt_and_is_passed_on(
    lifetime: float | None,
) -> None:
    board = Board()
    subject = poller(ScriptedSource(ZeroDivisionError("bug"), lifetime=lifetime), board)
    with pytest.raises(ZeroDivisionError):
        subject.tick(1000.0)
    health = last(board).health
    assert (health.up, health.failures) == (False, 1)
    assert "unexpected error" in health.problem
    assert board.busy_since("scripted") is None


@pytest.mark.parametrize(
    ("script", "expected_by_user", "expected"),
    [(["data"], False, True), ([DOWN], False, False), ([DOWN], True, True)],
)
def test_a_source_is_expected_once_configured_or_seen(
    script: list[Step],
    expected_by_user: bool,  # noqa: FBT001 - a column of the table
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    board = Board()
    poller(ScriptedSource(*script, expected=expected_by_user), board).tick(1000.0)
    assert last(board).health.expected is expected


def test_a_source_that_never_was_up_is_retried_after_five_minutes_at_last() -> None:
    subject = poller(ScriptedSource(DOWN), Board())
    assert [subject.tick(0.0) for _ in range(7)] == [10, 20, 40, 80, 160, 300, 300]


def test_a_source_that_was_up_is_retried_each_minute_at_last() -> None:
    subject = poller(ScriptedSource("data", DOWN), Board())
    assert [subject.tick(0.0) for _ in range(6)] == [10, 10, 20, 40, 60, 60]


def test_a_source_may_say_how_seldom_it_is_retried_at_last() -> None:
    for script in ([DOWN], ["data", DOWN]):
        subject = poller(ScriptedSource(*script, retry_most=10.0), Board())
        assert [subject.tick(0.0) for _ in range(4)] == [10, 10, 10, 10]


def test_a_slow_source_is_never_retried_faster_than_it_is_read() -> None:
    subject = poller(ScriptedSource("data", DOWN, interval=120.0), Board())
    assert [subject.tick(0.0) for _ in range(4)] == [120, 120, 120, 120]


def test_jitter_takes_off_at_most_half_of_a_retry() -> None:
    subject = Poller(ScriptedSource(DOWN), Board(), monotonic=Stopwatch(0), jitter=lambda: 0.0)
    assert [subject.tick(0.0) for _ in range(3)] == [5, 10, 20]


def test_backoff_outlasts_any_outage_without_overflow() -> None:
    subject = poller(ScriptedSource(DOWN), Board())
    assert [subject.tick(0.0) for _ in range(3000)][-1] == 300


@pytest.mark.parametrize(("took", "delay"), [(0.0, 10.0), (3.0, 7.0), (5.0, 5.0), (10.0, 10.0)])
def test_a_slow_collection_skips_beats_and_keeps_the_rhythm(took: float, delay: float) -> None:
    assert poller(ScriptedSource("data"), Board(), took=took).tick(0.0) == delay


@pytest.mark.parametrize(("took", "delay"), [(5.5, 14.5), (9.9, 10.1), (13.0, 17.0), (42.0, 48.0)])
def test_a_slow_system_is_left_alone_for_as_long_as_it_was_busy(took: float, delay: float) -> None:
    assert poller(ScriptedSource("data"), Board(), took=took).tick(0.0) == pytest.approx(delay)


def test_processes_that_start_together_soon_ask_at_different_times() -> None:
    def beats(chance: float) -> list[float]:
        source = ScriptedSource("data")
        subject = Poller(source, Board(), monotonic=Stopwatch(0), jitter=lambda: chance)
        return [subject.tick(0.0) for _ in range(3)]

    assert beats(0.3) == [3, 10, 10]
    assert beats(0.8) == [8, 10, 10]


def test_each_problem_is_told_once_with_its_remedy_and_so_is_recovery(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="tunewatch.source")
    other = SourceDown("no GPU", "plug one in")
    subject = poller(ScriptedSource(DOWN, DOWN, other, DOWN, "data", "data", DOWN, "data"), Board())
    for _ in range(8):
        subject.tick(0.0)
    assert [record.getMessage() for record in caplog.records] == [
        "scripted is down: no driver: install one",
        "scripted is down: no GPU: plug one in",
        "scripted is up",
        "scripted is down: no driver: install one",
        "scripted is up again",
    ]
    assert [record.levelname for record in caplog.records] == [
        "WARNING",
        "WARNING",
        "INFO",
        "WARNING",
        "INFO",
    ]


def test_problems_that_never_repeat_do_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    script = [SourceDown(f"port {number} refused", "wait") for number in range(200)]
    subject = poller(ScriptedSource(*script), Board())
    for _ in range(200):
        subject.tick(0.0)
    assert len(caplog.records) == 32


def test_listeners_hear_of_every_reading_after_it_is_on_the_board() -> None:
    board = Board()
    heard: list[tuple[str, float, str | None]] = []

    def listen(name: str, now: float) -> None:
        heard.append((name, now, last(board).data))

    subject = Poller(ScriptedSource("data", DOWN), board, on_publish=listen)
    subject.tick(1000.0)
    subject.tick(1010.0)
    assert heard == [("scripted", 1000.0, "data"), ("scripted", 1010.0, None)]
