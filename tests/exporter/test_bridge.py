"""From readings to what the engine observes: nothing stale, nothing invented."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.model import GpuObservation, SourceObservation
from exporter.board import Board
from exporter.bridge import observations
from exporter.metrics.health import source_states
from exporter.snapshot import Gpu, Gpus, Health, Reading, Runs
from tests.support.engine import news

NOW = 1000.0
INTERVALS = {"nvml": 10.0, "mlflow": 15.0}
GPU = Gpu(0, "GPU-1", memory_total=100, memory_used=40)
UP = Health(up=True, attempted_at=NOW, duration=0.1, last_success_at=NOW, expected=True)
DOWN = replace(UP, up=False, problem="no driver: install it")


def gpus(*found: Gpu) -> Gpus:
    return Gpus(found, len(found), "580", "13", "13")


def observed(board: Board, now: float = NOW) -> tuple[object, tuple[SourceObservation, ...]]:
    states = source_states(board, INTERVALS, now)
    seen = observations(board.read(), states, (), "node-1")
    return seen.gpus, seen.sources


def board_with(data: object, health: Health, valid_until: float | None = None) -> Board:
    board = Board()
    board.publish("nvml", Reading(data, health, valid_until))
    return board


def test_a_gpu_is_observed_when_its_collection_began() -> None:
    seen, _ = observed(board_with(gpus(GPU, replace(GPU, index=1, uuid="GPU-2")), UP))
    assert seen == (
        GpuObservation("GPU-1", 0, "node-1", 40, 100, NOW),
        GpuObservation("GPU-2", 1, "node-1", 40, 100, NOW),
    )


def test_a_gpu_whose_memory_is_not_known_is_not_observed() -> None:
    unknown = [replace(GPU, memory_used=None), replace(GPU, memory_total=None)]
    assert observed(board_with(gpus(*unknown), UP))[0] == ()


def test_a_machine_without_gpus_was_read_all_the_same() -> None:
    assert observed(board_with(gpus(), UP))[0] == ()


def test_readings_that_are_no_longer_true_are_no_observation() -> None:
    assert observed(Board())[0] is None
    assert observed(board_with(None, DOWN))[0] is None
    assert observed(board_with(gpus(GPU), UP, valid_until=NOW - 1))[0] is None
    stuck = board_with(gpus(GPU), UP)
    stuck.begin("nvml", NOW - 31)
    assert observed(stuck)[0] is None


def test_a_source_tells_how_it_fares() -> None:
    board = board_with(gpus(GPU), UP)
    board.publish("mlflow", Reading(None, DOWN))
    assert observed(board)[1] == (
        SourceObservation("nvml", "node-1", up=True, expected=True, reason=""),
        SourceObservation(
            "mlflow", "node-1", up=False, expected=True, reason="no driver: install it"
        ),
    )


def test_before_its_first_collection_has_ended_a_source_is_not_missed() -> None:
    board = Board()
    board.begin("mlflow", NOW)
    assert [(s.up, s.expected) for s in observed(board)[1]] == [(False, False)] * 2


@pytest.mark.parametrize("configured", [True, False])
def test_a_first_collection_that_hangs_is_missed_where_it_was_asked_for(
    *, configured: bool
) -> None:
    board = Board()
    board.begin("mlflow", NOW - 60)
    states = source_states(board, {"mlflow": 15.0}, NOW)
    wanted = {"mlflow"} if configured else set()
    (mlflow,) = observations({}, states, (), "node-1", wanted).sources
    assert (mlflow.up, mlflow.expected) == (False, configured)
    assert mlflow.reason == "a collection is under way and does not return"


def test_a_source_that_nobody_asked_for_is_not_expected() -> None:
    (nvml, _) = observed(board_with(None, replace(DOWN, expected=False)))[1]
    assert (nvml.up, nvml.expected) == (False, False)


def test_news_of_runs_is_handed_on_as_it_is() -> None:
    update = news()
    seen = observations({}, (), (update,), "node-1")
    assert seen.runs == (update,)
    assert seen.sources == ()


def test_what_another_source_publishes_is_no_gpu() -> None:
    assert observed(board_with(Runs(()), UP))[0] == ()
