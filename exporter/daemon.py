"""Supervised workers and signals: what keeps the process running, and what ends it."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType, MappingProxyType
from typing import NamedTuple, NoReturn, Protocol

log = logging.getLogger("tunewatch.daemon")

Hook = Callable[[], None]
Hooks = Mapping[signal.Signals, Hook]

STOP_SECONDS = 1.5
RETRY_FIRST = 1.0
RETRY_MOST = 60.0


class Worker:
    """One named thread that calls `tick` again and again, whatever `tick` raises.

    `tick(now)` (Unix seconds) does one piece of work and returns the seconds until the next: none
    for at once, infinity for a worker that only `wake` runs. A worker that is overdue for more than
    `liveness` seconds makes the process unhealthy; None is for one that may block for ever without
    harm to the others.
    """

    def __init__(
        self,
        name: str,
        tick: Callable[[float], float],
        *,
        liveness: float | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.failures = 0
        self._tick = tick
        self._liveness = liveness
        self._clock = clock
        self._monotonic = monotonic
        self._due = monotonic()
        self._woken = threading.Event()
        self._retired = threading.Event()
        self._streak = 0
        self._told: set[tuple[type, str, int]] = set()

    def start(self, on_death: Callable[[str], None]) -> None:
        """Start the thread; `on_death` is told should it ever end without being retired."""
        target = threading.Thread(target=self._run, args=(on_death,), name=self.name, daemon=True)
        target.start()

    def wake(self) -> None:
        """Run the next tick at once, or right after the one under way."""
        self._woken.set()

    def retire(self) -> None:
        """Begin no further tick; does not wait for the one under way."""
        self._retired.set()
        self._woken.set()

    def overdue(self, now: float) -> float | None:
        """Return for how many seconds a tick has been due or under way, if that is too long.

        `now` is a reading of the worker's monotonic clock.
        """
        late = now - self._due
        return late if self._liveness is not None and late > self._liveness else None

    def step(self) -> float:
        """Run one tick under supervision and return the seconds until the next."""
        self._due = self._monotonic()
        try:
            delay = max(0.0, self._tick(self._clock()))
            self._streak = 0
        except Exception as error:  # noqa: BLE001 - the supervisor: one bug must not end a worker
            delay = self._failed(error)
        self._due = self._monotonic() + delay
        return delay

    def _run(self, on_death: Callable[[str], None]) -> None:
        try:
            while not self._retired.is_set():
                self._woken.wait(min(self.step(), threading.TIMEOUT_MAX))
                self._woken.clear()
        finally:
            if not self._retired.is_set():
                on_death(f"worker {self.name} ended unexpectedly: {sys.exception()!r}")

    def _failed(self, error: Exception) -> float:
        self.failures += 1
        self._streak += 1
        kind = _origin(error)
        if kind not in self._told:
            self._told.add(kind)
            log.error("worker %s failed and goes on: %r", self.name, error, exc_info=error)
        return min(RETRY_MOST, RETRY_FIRST * 2.0 ** min(self._streak - 1, 16))


class Crew(Protocol):
    """Who employs workers: see `Daemon`."""

    def add(self, worker: Worker) -> None:
        """Let a worker begin."""

    def remove(self, worker: Worker) -> None:
        """Let a worker go."""

    def problems(self, now: float) -> list[str]:
        """Say what is wrong with the process; `now` is a reading of the monotonic clock."""


class _Ending(NamedTuple):
    """Why the process ends, and the exit code that says so."""

    reason: str
    code: int


class Daemon:
    """Runs workers until a signal or the death of one of them ends the process.

    `on_signal` answers signals that do not end the process; a hook must not block (it wakes a
    worker). `on_stop` are called in turn when the process ends: together they have `stop_seconds`,
    and no worker is waited for, because a call into a driver may never return.
    """

    def __init__(
        self,
        workers: Sequence[Worker],
        *,
        on_stop: Sequence[Hook] = (),
        on_signal: Hooks = MappingProxyType({}),
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._workers = tuple(workers)
        self._hiring = threading.Lock()
        self._running = False
        self._on_stop = tuple(on_stop)
        self._on_signal = on_signal
        self._stop_seconds = stop_seconds
        # A SimpleQueue may be filled from a signal handler; an Event or a Queue could deadlock.
        self._events: queue.SimpleQueue[_Ending | Hook] = queue.SimpleQueue()
        self._bell: socket.socket | None = None

    def run(self, begin: Hook = lambda: None) -> int:
        """Start all workers, wait for the end and return the exit code; needs the main thread.

        `begin` is called first, once no signal is missed; what it raises is passed on.
        """
        with self._wakened() as rung, self._signals():
            begin()
            with self._hiring:
                self._running = True
                for worker in self._workers:
                    worker.start(self.fail)
            ending = self._wait(rung)
            log.log(logging.ERROR if ending.code else logging.INFO, "stopping: %s", ending.reason)
            return self._stop() or ending.code

    def add(self, worker: Worker) -> None:
        """Run one more worker, from now or from the start on; may be called from any thread."""
        with self._hiring:
            self._workers = (*self._workers, worker)
            if self._running:
                worker.start(self.fail)

    def remove(self, worker: Worker) -> None:
        """Let a worker begin no further tick; may be called from any thread."""
        worker.retire()
        with self._hiring:
            self._workers = tuple(other for other in self._workers if other is not worker)

    def stop(self, reason: str) -> None:
        """End the process in good order; may be called from any thread."""
        self._post(_Ending(reason, 0))

    def fail(self, reason: str) -> None:
        """End the process with exit code 1, so that whoever started it starts it again."""
        self._post(_Ending(reason, 1))

    def problems(self, now: float) -> list[str]:
        """Say which workers hang; `now` is a reading of the monotonic clock."""
        late = ((worker.name, worker.overdue(now)) for worker in self._workers)
        return [f"worker {name} is {by:.0f} s late" for name, by in late if by is not None]

    def failures(self) -> Mapping[str, int]:
        """Return how many errors each worker has survived."""
        return {worker.name: worker.failures for worker in self._workers}

    def _post(self, event: _Ending | Hook) -> None:
        self._events.put(event)
        if self._bell is not None:
            # A bell that is full has rung, one that is closed wakes nobody any more.
            with contextlib.suppress(OSError):
                self._bell.send(b"!")

    def _wait(self, rung: socket.socket) -> _Ending:
        while True:
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                rung.recv(4096)
                continue
            if isinstance(event, _Ending):
                return event
            self._call(event)

    def _stop(self) -> int:
        with self._hiring:
            self._running = False
            for worker in self._workers:
                worker.retire()
        results: queue.SimpleQueue[bool] = queue.SimpleQueue()

        def call_all() -> None:
            failed = [hook for hook in self._on_stop if not self._call(hook)]
            results.put(not failed)

        threading.Thread(target=call_all, name="stop", daemon=True).start()
        try:
            return 0 if results.get(timeout=self._stop_seconds) else 1
        except queue.Empty:
            log.error("stopping took longer than %g s: not all was stored", self._stop_seconds)  # noqa: TRY400 - no traceback: nothing was raised
            return 1

    @staticmethod
    def _call(hook: Hook) -> bool:
        try:
            hook()
        except Exception:
            log.exception("a hook of the daemon failed")
            return False
        return True

    @contextlib.contextmanager
    def _wakened(self) -> Iterator[socket.socket]:
        """Give the main thread something to wait at that every signal and every event wakes.

        The kernel may hand a signal to any thread. One that waits for a lock is not woken by what
        another thread was handed, and Python answers signals on the main thread alone.
        """
        rung, self._bell = socket.socketpair()
        self._bell.settimeout(0)
        before = signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        with rung, self._bell:
            try:
                yield rung
            finally:
                signal.set_wakeup_fd(before)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        numbers = (signal.SIGTERM, signal.SIGINT, *self._on_signal)
        previous = {number: signal.signal(number, self._handle) for number in numbers}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        known = signal.Signals(number)
        self._post(self._on_signal.get(known) or _Ending(known.name, 0))


def exit_now(code: int) -> NoReturn:
    """End the process without waiting for threads that others left behind (pools, drivers)."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _origin(error: Exception) -> tuple[type, str, int]:
    """Tell errors apart by kind and place, since their texts may differ each time."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error), "", 0
    return type(error), trace.tb_frame.f_code.co_filename, trace.tb_lineno
