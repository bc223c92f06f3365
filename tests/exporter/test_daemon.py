"""The daemon ends in good order on a signal, and loudly when a worker dies."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from exporter.daemon import Daemon, Worker

Tick = Callable[[float], float]


def once(action: Callable[[], object]) -> Tick:
    """Return a tick that acts the first time and then sleeps until woken."""
    actions = [action]

    def tick(_now: float) -> float:
        if actions:
            actions.pop()()
        return math.inf

    return tick


def send(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_in_good_order(number: signal.Signals) -> None:
    calls: list[str] = []
    daemon = Daemon(
        [Worker("signals", once(send(number)))],
        on_stop=[lambda: calls.append("store"), lambda: calls.append("flush")],
    )
    before = signal.getsignal(number)
    assert daemon.run() == 0
    assert calls == ["store", "flush"]
    assert signal.getsignal(number) is before


def test_sighup_reloads_and_goes_on() -> None:
    reloads: list[str] = []

    def reload() -> None:
        reloads.append("reload")
        (send(signal.SIGHUP) if len(reloads) < 3 else send(signal.SIGTERM))()

    daemon = Daemon(
        [Worker("signals", once(send(signal.SIGHUP)))], on_signal={signal.SIGHUP: reload}
    )
    assert daemon.run() == 0
    assert reloads == ["reload"] * 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_the_kernel_hands_to_another_thread_is_not_lost(
    number: signal.Signals,
) -> None:
    calls: list[str] = []

    def reload() -> None:
        calls.append("reload")
        daemon.stop("seen")

    def receive() -> None:
        # By now the main thread waits, and nothing but this signal wakes it.
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), number)

    daemon = Daemon([Worker("receiver", once(receive))], on_signal={signal.SIGHUP: reload})
    assert daemon.run() == 0
    assert calls == (["reload"] if number == signal.SIGHUP else [])


def test_hooks_answer_their_own_signals() -> None:
    calls: list[str] = []

    def first() -> None:
        calls.append("first")
        send(signal.SIGUSR2)()

    def second() -> None:
        calls.append("second")
        send(signal.SIGTERM)()

    hooks = {signal.SIGUSR1: first, signal.SIGUSR2: second}
    before = [signal.getsignal(number) for number in hooks]
    daemon = Daemon([Worker("signals", once(send(signal.SIGUSR1)))], on_signal=hooks)
    assert daemon.run() == 0
    assert calls == ["first", "second"]
    assert [signal.getsignal(number) for number in hooks] == before


def test_a_reload_that_raises_does_not_end_the_process(caplog: pytest.LogCaptureFixture) -> None:
    def reload() -> None:
        send(signal.SIGTERM)()
        raise ZeroDivisionError

    daemon = Daemon(
        [Worker("signals", once(send(signal.SIGHUP)))], on_signal={signal.SIGHUP: reload}
    )
    assert daemon.run() == 0
    assert "a hook of the daemon failed" in caplog.text


def test_a_worker_that_raises_is_counted_and_goes_on() -> None:
    def tick(_now: float) -> float:
        if worker.failures == 0:
            worker.wake()
            raise ZeroDivisionError
        daemon.stop("seen")
        return math.inf

    worker = Worker("clumsy", tick)
    daemon = Daemon([worker, Worker("fine", lambda _: math.inf)])
    assert daemon.run() == 0
    assert daemon.failures() == {"clumsy": 1, "fine": 0}


def test_waking_runs_the_next_tick_at_once() -> None:
    ticks: list[float] = []

    def tick(now: float) -> float:
        ticks.append(now)
        if len(ticks) < 3:
            worker.wake()
        else:
            daemon.stop("enough")
        return math.inf

    worker = Worker("sleeper", tick)
    daemon = Daemon([worker])
    assert daemon.run() == 0
    assert len(ticks) == 3


def test_workers_come_and_go_while_it_runs() -> None:
    """The first hires the second, which lets the first go and ends the process once it is gone."""
    ticks: list[str] = []

    def hire(_now: float) -> float:
        ticks.append("first")
        daemon.add(second)
        return math.inf

    def fire(_now: float) -> float:
        ticks.append("second")
        daemon.remove(first)
        first.wake()
        assert daemon.failures() == {"second": 0, "third": 0}
        daemon.stop("seen")
        return math.inf

    first, second = Worker("first", hire), Worker("second", fire)
    daemon = Daemon([first])
    daemon.add(Worker("third", lambda _: math.inf))
    assert daemon.failures() == {"first": 0, "third": 0}
    assert daemon.run() == 0
    assert ticks == ["first", "second"]


def test_who_is_hired_while_the_process_ends_does_not_begin() -> None:
    ticks: list[str] = []
    late = Worker("late", once(lambda: ticks.append("late")))
    daemon = Daemon([], on_stop=[lambda: daemon.add(late)])
    daemon.stop("at once")
    assert daemon.run() == 0
    assert ticks == []


def test_a_stop_hook_that_raises_keeps_no_other_from_running() -> None:
    calls: list[str] = []

    def fail() -> None:
        raise ZeroDivisionError

    daemon = Daemon([], on_stop=[fail, lambda: calls.append("flush")])
    daemon.stop("test")
    assert daemon.run() == 1
    assert calls == ["flush"]


def test_a_stop_hook_that_hangs_costs_a_bounded_time(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()

    def hang() -> None:
        release.wait()

    daemon = Daemon([], on_stop=[hang], stop_seconds=0.05)
    daemon.stop("test")
    try:
        assert daemon.run() == 1
    finally:
        release.set()
    assert "not all was stored" in caplog.text


def test_workers_that_hang_are_named() -> None:
    clock = 100.0
    late = Worker("late", lambda _: 0.0, liveness=5.0, monotonic=lambda: clock)
    patient = Worker("patient", lambda _: 0.0, monotonic=lambda: clock)
    daemon = Daemon([late, patient])
    assert daemon.problems(104.0) == []
    assert daemon.problems(160.0) == ["worker late is 60 s late"]


PREAMBLE = """
import ctypes, logging, threading
from exporter.daemon import Daemon, Worker, exit_now

logging.basicConfig(level=logging.INFO)

def hook():
    print("stored", flush=True)
"""

HUNG = (
    PREAMBLE
    + """
entered = threading.Event()

def hang(now):
    entered.set()
    ctypes.CDLL(None).sleep(1000)  # a driver call that never returns
    return 0.0

def report(now):
    entered.wait()
    print("ready", flush=True)
    return float("inf")

threading.Thread(target=threading.Event().wait).start()  # someone's thread that is no daemon
exit_now(Daemon([Worker("hung", hang), Worker("report", report)], on_stop=[hook]).run())
"""
)


def test_sigterm_ends_a_process_whose_workers_hang_within_two_seconds() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HUNG], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        asked_at = time.monotonic()
        process.terminate()
        output, log = process.communicate(timeout=20)
        took = time.monotonic() - asked_at
    assert (process.returncode, output) == (0, "stored\n")
    assert "stopping: SIGTERM" in log
    assert took < 2


MORTAL = (
    PREAMBLE
    + """
def die(now):
    raise SystemExit  # which ends a thread without a word

exit_now(Daemon([Worker("mortal", die)], on_stop=[hook]).run())
"""
)


def test_the_death_of_a_worker_ends_the_process_with_a_failure() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", MORTAL], capture_output=True, text=True, check=False, timeout=20
    )
    assert (ended.returncode, ended.stdout) == (1, "stored\n")
    assert "ERROR:tunewatch.daemon:stopping: worker mortal ended unexpectedly: SystemExit" in (
        ended.stderr
    )
