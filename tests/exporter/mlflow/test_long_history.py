"""Histories of a million steps are read in bounded memory, and cost nothing afterwards."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.mlflow_bulk import Bulk, extend, fill
from tests.support.mlflow_faults import faulty
from tests.support.mlflow_runs import Trainer
from tests.support.mlflow_server import MlflowServer
from tests.support.mlflow_store import START, Store

METRICS = ("loss", "epoch", "reward")
BULK = Bulk(started=(START - 200_000) * 1000, metrics=METRICS, points=20_000, stride=50, params=0)
END = BULK.points * BULK.stride


def test_a_million_steps_are_sampled_at_first_sight_and_exact_from_then_on(
    remote: Store, server: MlflowServer, caplog: pytest.LogCaptureFixture
) -> None:
    [run_id] = fill(server.database, remote.experiment, BULK)
    with faulty(server.port) as proxy:
        watcher = remote.watch(tracking_uri=proxy.uri, update_points=3_000)
        tracemalloc.start()
        [first] = watcher.poll(START)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 10e6
        assert "long history" in caplog.text
        steps = [point.step for point in first.points if point.metric == "loss"]
        assert steps[0] == 0
        assert steps[-1_000:] == list(range(END - 1_000 * BULK.stride, END, BULK.stride))
        assert 3_300 < len(steps) < 3_500
        gaps = [after - before for before, after in pairwise(steps)]
        assert max(gaps) <= END / 1_000, "the sample spans the whole history evenly"

        extend(server.database, [run_id], BULK, first=BULK.points, points=3)
        proxy.requests.clear()
        [news] = watcher.poll(START + 15)
        assert sorted({point.step for point in news.points}) == [END, END + 50, END + 100]
        assert len(news.points) == 6
        histories = [request for request in proxy.requests if "/metrics/" in request.path]
        assert 0 < sum(request.answered_bytes for request in histories) < 20_000


def test_a_deep_rewind_is_found_from_silence(remote: Store, server: MlflowServer) -> None:
    long = replace(BULK, started=(START - 80_000) * 1000, points=8_000, metrics=("loss", "epoch"))
    [run_id] = fill(server.database, remote.experiment, long)
    watcher = remote.watch(update_points=3_000)
    watcher.poll(START)
    checkpoint, logged = long.points * long.stride // 2, 100
    Trainer(remote.client, run_id).points(
        [
            (key, checkpoint + 50 * number, (START + number) * 1000, 2.0)
            for key in ("loss", "epoch")
            for number in range(1, logged + 1)
        ]
    )
    news = [update for wait in (1, 2, 4, 8) for update in watcher.poll(START + logged + 60 * wait)]
    steps = [point.step for update in news for point in update.points if point.metric == "loss"]
    assert steps == [checkpoint + 50 * number for number in range(1, logged + 1)]


def test_thousands_of_points_without_a_step_are_bounded_too(local: Store, tmp_path: Path) -> None:
    stepless = replace(BULK, stride=0, points=20_000, metrics=("loss",))
    [run_id] = fill(tmp_path / "mlflow.db", local.experiment, stepless)
    watcher = local.watch(update_points=1_000)
    [first] = watcher.poll(START)
    assert len(first.points) < 5_000
    extend(tmp_path / "mlflow.db", [run_id], stepless, first=20_000, points=2_500)
    arrived = [len(watcher.poll(START + 15 * poll)[0].points) for poll in (1, 2, 3)]
    assert sum(arrived) == 2_500
    assert max(arrived) <= 1_001
