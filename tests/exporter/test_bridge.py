"""From readings to what the engine observes: nothing stale, nothing invented."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.model import GpuObservation, Inventory, RowRemap, SourceObservation
from exporter.board import Board
from exporter.bridge import observations
from exporter.metrics.health import source_states
from exporter.snapshot import (
    Gpu,
    Gpus,
    Health,
    MigInstance,
    Reading,
    RemappedRows,
    Runs,
    Unanswered,
)
from tests.support.engine import news

NOW = 1000.0
INTERVALS = {"nvml": 10.0, "mlflow": 15.0}
GPU = Gpu(0, "GPU-1", memory_total=100, memory_used=40)
UP = Health(up=True, attempted_at=NOW, duration=0.1, last_success_at=NOW, expected=True)
DOWN = replace(UP, up=False, problem="no driver: install it")


def gpus(*found: Gpu) -> Gpus:
    return Gpus(found, len(found), "580", "13", "13")


def observed(
    board: Board, now: float = NOW
) -> tuple[tuple[GpuObservation, ...] | None, tuple[SourceObservation, ...]]:
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


def test_a_gpu_whose_memory_is_not_known_is_observed_all_the_same() -> None:
    (seen,) = observed(board_with(gpus(replace(GPU, memory_used=None)), UP))[0] or ()
    assert (seen.memory_used_bytes, seen.memory_total_bytes) == (None, 100)


def test_all_that_rules_look_at_is_handed_on() -> None:
    sick = replace(
        GPU,
        xids={79: 2},
        xid_at={79: 900.0},
        ecc_errors={("uncorrected", "volatile"): 3, ("uncorrected", "aggregate"): 9},
        remapped_rows=RemappedRows(1, 2, pending=True, failure=False),
        throttle={"hw_thermal_slowdown": True},
        busy_seconds=12.5,
        busy_gap_seconds=1.5,
        utilization=7.0,
    )
    (seen,) = observed(board_with(gpus(sick), UP))[0] or ()
    assert seen == GpuObservation(
        "GPU-1",
        0,
        "node-1",
        40,
        100,
        NOW,
        xids={79: 2},
        xid_at={79: 900.0},
        ecc_uncorrected=3,
        remap=RowRemap(pending=True, failure=False),
        throttle={"hw_thermal_slowdown": True},
        busy_seconds=12.5,
        busy_gap_seconds=1.5,
        utilization=7.0,
    )


def test_memory_is_observed_instance_by_instance() -> None:
    part = MigInstance("MIG-1", memory_used=5, memory_total=10)
    cut_up = replace(GPU, mig_mode=True, instances=(part, MigInstance("MIG-2")))
    whole, *parts = observed(board_with(gpus(cut_up), UP))[0] or ()
    assert (whole.uuid, whole.memory_used_bytes) == ("GPU-1", None)
    assert [(p.uuid, p.index, p.parent, p.memory_used_bytes) for p in parts] == [
        ("MIG-1", 0, "GPU-1", 5),
        ("MIG-2", 0, "GPU-1", None),
    ]


def test_a_gpu_that_is_lost_still_says_why() -> None:
    silent = Unanswered(1, "GPU-2", "GPU_IS_LOST", xids={79: 1}, xid_at={79: 990.0})
    nameless = Unanswered(2, "", "UNKNOWN")
    read = replace(gpus(GPU), seen=3, expected=4, lost=("GPU-2",), unanswered=(silent, nameless))
    board = board_with(read, UP)
    states = source_states(board, INTERVALS, NOW)
    seen = observations(board.read(), states, (), "node-1")
    assert [(g.uuid, g.memory_total_bytes, g.xid_at) for g in seen.gpus or ()] == [
        ("GPU-1", 100, {}),
        ("GPU-2", None, {79: 990.0}),
    ]
    assert seen.inventories == (Inventory("node-1", 4, 3, ("GPU-2",), NOW),)
    assert seen.inventories[0].missing == 2


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
        SourceObservation("mlflow", "", up=False, expected=True, reason="no driver: install it"),
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
    assert observed(board_with(Runs(()), UP))[0] is None
