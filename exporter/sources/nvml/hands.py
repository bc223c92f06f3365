"""Calls that may never return, made on a thread that can be left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Generic, NoReturn, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 5.0
PATIENCE_AFTERWARDS = 1.0


class Hung(Exception):  # noqa: N818 - a state of the world, not a mistake
    """A call is under way and does not return."""


class _Call(Generic[T]):
    """One call and, once it has returned, what came of it."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._outcome: SimpleQueue[Callable[[], T]] = SimpleQueue()
        self.over = False

    def make(self) -> None:
        """Call, on the thread that may be left behind."""
        outcome: Callable[[], T]
        try:
            outcome = partial(_identity, self._function())
        except BaseException as error:  # noqa: BLE001 - raised again where the answer is awaited
            outcome = partial(_raise, error)
        self.over = True
        self._outcome.put(outcome)

    def wait(self, seconds: float) -> T:
        """Return or raise what the call did; raises Hung after so many seconds."""
        try:
            outcome = self._outcome.get(timeout=seconds)
        except Empty:
            raise Hung from None
        return outcome()


def _identity(answer: T) -> T:
    return answer


def _raise(error: BaseException) -> NoReturn:
    raise error


class Hands:
    """Makes calls in turn, each for some device; one that hangs costs that device alone.

    The thread inside it is left there and another takes the next calls. While a device's call is
    under way no other is made for it.
    """

    def __init__(
        self, patience: float = PATIENCE_SECONDS, afterwards: float = PATIENCE_AFTERWARDS
    ) -> None:
        self._patience = patience
        self._afterwards = afterwards
        self._left = patience
        self._orders: SimpleQueue[_Call[Any] | None] | None = None
        self._under_way: dict[int, _Call[Any]] = {}

    def begin(self) -> None:
        """Begin a collection: the first call that hangs may take the whole patience.

        Later ones get a moment each, so that what can be read does not go stale meanwhile.
        """
        self._left = self._patience

    def inside(self) -> frozenset[int]:
        """Return the devices whose calls have not returned."""
        self._under_way = {d: call for d, call in self._under_way.items() if not call.over}
        return frozenset(self._under_way)

    def call(self, device: int, function: Callable[[], T]) -> T:
        """Return what `function` returns, or raise what it raises; raises Hung if neither."""
        if device in self.inside():
            raise Hung
        if self._orders is None:
            self._orders = _hand()
        call = _Call(function)
        self._orders.put(call)
        try:
            return call.wait(self._left)
        except Hung:
            self._orders.put(None)
            self._orders = None
            self._under_way[device] = call
            self._left = self._afterwards
            raise


def _hand() -> SimpleQueue[_Call[Any] | None]:
    """Start a thread that makes the calls of the returned queue, up to a None."""
    orders: SimpleQueue[_Call[Any] | None] = SimpleQueue()

    def work() -> None:
        while (call := orders.get()) is not None:
            call.make()

    threading.Thread(target=work, name="nvml-reader", daemon=True).start()
    return orders
