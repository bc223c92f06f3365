"""A GPU that waits while a run trains on it: windows of busy seconds, joined runs, restarts."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.history.gpu import POINTS, Busy, BusyWindow, GpuHistory
from alerts.model import Subject
from tests.support.fleet import NODE, Watchman, gpu
from tests.support.histories import START, limits

RULE = "gpu_idle_while_training"
MINUTE = 60.0
EVERY = 10.0
SUBJECT = Subject("gpu", "GPU-1", NODE)


class Machine:
    """A GPU that is read every ten seconds, as busy as a test says."""

    def __init__(self, tuning: Mapping[str, object] | None = None, *, counted: bool = True) -> None:
        self.watchman = Watchman(limits({RULE: tuning or {}}))
        self.counter = 0.0
        self._counted = counted

    def work(
        self, share: float, minutes: float, runs: tuple[str, ...] | None = ("run-1",)
    ) -> list[tuple[str, float]]:
        """Be busy for a share of the time; return what was told, minutes after the start."""
        told = []
        for _ in range(round(minutes * MINUTE / EVERY)):
            self.counter += share * EVERY
            seen = replace(gpu(), runs=runs)
            if self._counted:
                seen = replace(seen, busy_seconds=self.counter)
            else:
                seen = replace(seen, utilization=100 * share)
            news = self.watchman.see(seen, seconds=EVERY, every=EVERY)
            told += [(state, seconds / MINUTE) for _, state, seconds in news]
        return told

    def begin_anew(self) -> None:
        """Let the process end and begin anew, which counts from zero."""
        self.watchman.restart()
        self.counter = 0.0


@pytest.mark.parametrize("counted", [True, False])
def test_a_gpu_that_waits_is_told_after_a_quarter_of_an_hour(*, counted: bool) -> None:
    machine = Machine(counted=counted)
    assert machine.work(0.05, 20) == [("firing", 15.0)]
    (news,) = machine.watchman.told
    assert news.value == pytest.approx(5.0)
    assert (
        news.summary == "GPU 0 on n1 was 5.0 % busy over the last 15 min while a run trains on it"
    )
    assert news.evidence["run"] == "run-1"


@pytest.mark.parametrize("counted", [True, False])
def test_a_gpu_that_works_a_little_more_is_not(*, counted: bool) -> None:
    assert Machine(counted=counted).work(0.11, 40) == []


def test_short_bursts_of_work_count_for_what_they_are() -> None:
    machine = Machine()
    told = []
    for _ in range(6):
        told += machine.work(1.0, 1) + machine.work(0.0, 4)
    assert told == []
    for _ in range(5):
        told += machine.work(1.0, 0.5) + machine.work(0.0, 9.5)
    assert [state for state, _ in told] == ["firing"]


def test_a_run_that_hangs_is_told_when_the_last_quarter_of_an_hour_was_idle() -> None:
    machine = Machine()
    machine.work(1.0, 20)
    ((state, at),) = machine.work(0.0, 20)
    assert state == "firing"
    assert at == pytest.approx(20 + 13.5, abs=0.5)
    ((state, at),) = machine.work(1.0, 10)
    assert state == "resolved"
    assert at == pytest.approx(40 + 1.5 + 5, abs=0.5)


def test_a_gpu_that_idles_without_a_run_is_as_it_should_be() -> None:
    assert Machine().work(0.0, 40, runs=()) == []


def test_a_run_that_has_just_come_is_given_its_time() -> None:
    machine = Machine()
    machine.work(0.0, 40, runs=())
    assert machine.work(0.0, 14.9) == []
    assert machine.work(0.0, 1) == [("firing", 55.0)]


def test_of_several_runs_the_longest_counts() -> None:
    machine = Machine()
    machine.work(0.0, 10)
    assert machine.work(0.0, 6, runs=("run-1", "run-2")) == [("firing", 15.0)]


def test_another_run_in_its_place_is_given_its_time_too() -> None:
    machine = Machine()
    machine.work(0.0, 10)
    assert machine.work(0.0, 14, runs=("run-2",)) == []


def test_it_ends_with_the_run() -> None:
    machine = Machine()
    machine.work(0.0, 20)
    assert machine.work(0.0, 1, runs=()) == [("resolved", 20.0)]
    assert machine.watchman.told[-1].reason == "run_ended"


def test_who_trains_may_be_unknown_for_a_while() -> None:
    machine = Machine()
    machine.work(0.0, 10)
    machine.work(0.0, 3, runs=None)
    assert machine.work(0.0, 3) == [("firing", 15.0)]
    assert machine.work(1.0, 20, runs=None) == []
    assert Machine().work(0.0, 40, runs=None) == []


def test_readings_that_are_missing_begin_the_window_anew() -> None:
    machine = Machine()
    machine.work(1.0, 10)
    machine.watchman.see(seconds=5 * MINUTE)
    assert machine.work(0.0, 14.9) == []
    assert machine.work(0.0, 1) == [("firing", 30.0)]


def test_time_of_which_nothing_is_known_is_not_idle() -> None:
    held = BusyWindow()
    for tick in range(91):
        at, gap = START + tick * EVERY, min(tick, 15) * EVERY
        held.note(Busy(at, tick * EVERY * 0.5, gap), 900.0)
    assert held.share(START + 900.0, 900.0) == pytest.approx(450 / 750)
    blind = BusyWindow()
    for tick in range(91):
        blind.note(Busy(START + tick * EVERY, 0.0, tick * EVERY * 0.3), 900.0)
    assert blind.share(START + 900.0, 900.0) is None


def test_a_gpu_that_tells_nothing_any_more_is_not_judged_by_what_it_told() -> None:
    history = GpuHistory(gpu())
    for tick in range(100):
        at = START + tick * EVERY
        history.note(replace(gpu(), observed_at=at, busy_seconds=0.0), 900.0)
    assert history.busy_share(900.0) == 0.0
    history.note(replace(gpu(), observed_at=START + 1_000.0), 900.0)
    assert history.busy_share(900.0) is None


def test_a_node_process_that_begins_anew_counts_from_zero() -> None:
    machine = Machine()
    machine.work(1.0, 20)
    machine.counter = 0.0
    assert machine.work(1.0, 20) == []


def test_a_restart_holds_the_alert_until_the_window_is_full_again() -> None:
    machine = Machine()
    machine.work(0.0, 20)
    machine.begin_anew()
    assert machine.work(1.0, 14) == []
    assert machine.work(1.0, 10) == [("resolved", 40.0)]
    assert machine.watchman.told[-1].episode == 1


def test_a_restart_alone_is_no_idleness() -> None:
    machine = Machine()
    machine.work(1.0, 20)
    machine.begin_anew()
    assert machine.work(1.0, 20) == []


def test_limit_and_window_are_settings() -> None:
    assert Machine({"busy_pct": 50}).work(0.45, 16) == [("firing", 15.0)]
    assert Machine({"window": "1m"}).work(0.0, 3) == [("firing", 1.0)]


def test_what_is_shown_is_what_was_compared_and_of_gpus_in_training_alone() -> None:
    machine = Machine()
    fleet, under = machine.watchman.fleet, machine.watchman.limits
    machine.work(0.5, 10)
    assert fleet.training_busy(under) == {}
    machine.work(0.5, 10)
    assert fleet.training_busy(under) == {SUBJECT: pytest.approx(50.0)}
    machine.work(0.5, 1, runs=())
    assert fleet.training_busy(under) == {}
    ignoring = limits({RULE: {"ignore": ["n1"]}})
    machine.work(0.5, 20)
    assert fleet.training_busy(ignoring) == {}


def test_what_a_former_process_judged_is_shown_until_this_one_can_tell() -> None:
    machine = Machine()
    machine.work(0.0, 20)
    machine.begin_anew()
    machine.work(1.0, 5)
    fleet, under = machine.watchman.fleet, machine.watchman.limits
    assert fleet.training_busy(under) == {SUBJECT: 0.0}


@given(
    steps=st.lists(
        st.tuples(st.floats(0.5, 120), st.floats(0, 1), st.booleans()), min_size=1, max_size=120
    ),
    window=st.sampled_from([60.0, 900.0, 86_400.0]),
)
def test_a_window_is_a_share_of_few_readings_whatever_comes(
    steps: list[tuple[float, float, bool]], window: float
) -> None:
    held, at, seconds = BusyWindow(), START, 0.0
    for step, share, anew in steps:
        at += step
        seconds = 0.0 if anew else seconds + share * step
        held.note(Busy(at, seconds), window)
        found = held.share(at, window)
        assert found is None or 0 <= found <= 1
        assert len(held._marks) <= POINTS + 2


@pytest.mark.parametrize("seed", range(5))
def test_a_full_window_is_the_mean_of_what_it_saw(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a history, no secret
    shares = [chance.random() ** 3 for _ in range(300)]
    held, seconds = BusyWindow(), 0.0
    for tick, share in enumerate(shares, start=1):
        seconds += share * EVERY
        held.note(Busy(START + tick * EVERY, seconds), 900.0)
    # The window begins at the last reading that was kept before it: up to 15 s earlier.
    assert held.share(START + len(shares) * EVERY, 900.0) == pytest.approx(
        sum(shares[-90:]) / 90, abs=2 / 91
    )
