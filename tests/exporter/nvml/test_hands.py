"""A call that never returns costs its device alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from exporter.sources.nvml.hands import Hands, Hung
from tests.support.program import eventually


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Let every call that a test left hanging return after it."""
    gate = threading.Event()
    yield gate
    gate.set()


def test_answers_and_errors_are_those_of_the_call() -> None:
    hands = Hands()
    assert hands.call(0, lambda: "answer") == "answer"
    with pytest.raises(ZeroDivisionError):
        hands.call(0, lambda: 1 // 0)
    assert hands.call(0, lambda: None) is None


def test_one_thread_makes_the_calls_as_long_as_they_return() -> None:
    hands = Hands()
    threads = {hands.call(device, threading.get_ident) for device in range(8)}
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


def test_a_call_that_hangs_is_left_behind_and_the_others_go_on(gate: threading.Event) -> None:
    hands = Hands(patience=0.05)
    with pytest.raises(Hung):
        hands.call(1, gate.wait)
    assert hands.inside() == {1}
    assert hands.call(0, lambda: "zero") == "zero"
    made: list[str] = []
    with pytest.raises(Hung):
        hands.call(1, lambda: made.append("another call of the same device"))
    assert made == []


def test_a_device_is_asked_again_once_its_call_has_returned(gate: threading.Event) -> None:
    hands = Hands(patience=0.05)
    with pytest.raises(Hung):
        hands.call(1, gate.wait)
    gate.set()
    eventually(lambda: not hands.inside())
    hands = Hands()
    assert hands.call(1, lambda: "back") == "back"


def test_after_one_that_hangs_the_others_of_a_collection_get_a_moment(
    gate: threading.Event,
) -> None:
    hands = Hands(patience=0.1, afterwards=0.0)
    for device in (0, 1):
        with pytest.raises(Hung):
            hands.call(device, gate.wait)
    assert hands.inside() == {0, 1}
    hands.begin()
    assert hands.call(2, lambda: "two") == "two"


def test_the_thread_that_was_left_behind_ends_when_it_returns(gate: threading.Event) -> None:
    hands = Hands(patience=0.05)
    left: list[threading.Thread] = []

    def hang() -> None:
        left.append(threading.current_thread())
        gate.wait()

    with pytest.raises(Hung):
        hands.call(0, hang)
    gate.set()
    eventually(lambda: not left[0].is_alive())
