"""The board: swapped by reference, so that no reader waits and no reading changes under it."""

from __future__ import annotations

import threading

import pytest

from exporter.board import Board
from exporter.snapshot import Health, Reading


def reading(number: int) -> Reading[int]:
    return Reading(number, Health(up=True, attempted_at=0.0, duration=0.0))


def test_what_was_read_never_changes() -> None:
    board = Board()
    board.publish("nvml", reading(1))
    before = board.read()
    board.publish("nvml", reading(2))
    board.publish("mlflow", reading(3))
    assert {name: shown.data for name, shown in before.items()} == {"nvml": 1}
    assert {name: shown.data for name, shown in board.read().items()} == {"nvml": 2, "mlflow": 3}
    with pytest.raises(TypeError):
        before["nvml"] = reading(4)  # type: ignore[index]  # that is the point


def test_a_source_is_busy_from_its_begin_to_its_reading() -> None:
    board = Board()
    assert board.busy_since("nvml") is None
    board.begin("nvml", 5.0)
    assert board.busy_since("nvml") == 5.0
    board.publish("mlflow", reading(1))
    assert board.busy_since("nvml") == 5.0
    board.publish("nvml", reading(1))
    assert board.busy_since("nvml") is None


def test_a_publisher_that_is_never_busy_may_publish() -> None:
    board = Board()
    board.publish("alerts", reading(1))
    assert board.busy_since("alerts") is None


def test_no_reading_is_lost_when_many_publish() -> None:
    board = Board()
    names = [f"source-{number}" for number in range(8)]
    ready = threading.Barrier(len(names))

    def publish(name: str) -> None:
        ready.wait()
        for number in range(200):
            board.begin(name, number)
            board.publish(name, reading(number))

    threads = [threading.Thread(target=publish, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: shown.data for name, shown in board.read().items()} == dict.fromkeys(names, 199)
    assert [board.busy_since(name) for name in names] == [None] * 8
