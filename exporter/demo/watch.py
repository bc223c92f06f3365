"""Waiting with open eyes: for a signal to end, and for a child that ends by itself."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from exporter.demo.child import Child

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GLANCE_SECONDS = 0.1


class Ended(Exception):  # noqa: N818 - the normal way out
    """Somebody asked for the end."""


class ChildEnded(Exception):  # noqa: N818 - says what happened
    """A child that should go on has ended; says which, how, and its last words."""


class Watch:
    """Sleeps for others and looks around meanwhile; needs the main thread.

    A signal only leaves a mark: it is noticed while waiting and nowhere else, so that no start and
    no clearing away is ever interrupted midway.
    """

    def __init__(self) -> None:
        self._asked = False
        self._children: list[Child] = []

    def over(self, child: Child) -> None:
        """Notice from now on when this child ends."""
        self._children.append(child)

    def wait(self, seconds: float) -> None:
        """Sleep; raises Ended or ChildEnded as soon as either is seen."""
        deadline = time.monotonic() + seconds
        while True:
            self._look()
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, GLANCE_SECONDS))

    def wait_for(
        self, condition: Callable[[], bool], patience: float, tell: Callable[[float], None]
    ) -> float | None:
        """Wait until the condition holds and return the seconds that it took, None past patience.

        `tell` is told the seconds gone by, about every two.
        """
        begun = time.monotonic()
        told = 0.0
        while (gone := time.monotonic() - begun) < patience:
            if condition():
                return time.monotonic() - begun
            if gone - told >= 2:
                told = gone
                tell(gone)
            self.wait(2 * GLANCE_SECONDS)
        return None

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Take SIGINT, SIGTERM and SIGHUP as a request to end, for the length of a block."""
        before = {number: signal.signal(number, self._on_signal) for number in ENDING_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True

    def _look(self) -> None:
        if self._asked:
            raise Ended
        for child in self._children:
            if child.ended():
                raise ChildEnded(child.epitaph())
