"""Runs and the GPUs that they train on, named in each other's messages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model import GpuObservation, PodName
from tests.support.engine import NAN, Station, losses, memory, news, run_facts

TAGS = {"k8s.namespace": "ml", "k8s.pod": "train-0"}
FACTS = run_facts(tags=TAGS, url="http://mlflow.example/#/experiments/1/runs/run-1")
KUBECTL = "kubectl -n ml logs --tail=100 train-0"


def gpu_of(runs: tuple[str, ...] | None, pct: float = 50.0, at: float = 0.0) -> GpuObservation:
    pods = (PodName("ml", "train-0"),)
    return replace(memory(pct, at), runs=runs, pods=pods, utilization=97.0)


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path / "state.json")


def test_a_run_s_message_shows_its_gpus_and_where_to_look(station: Station) -> None:
    elsewhere = replace(gpu_of(("run-2",)), uuid="GPU-2", index=7)
    gpus = (gpu_of(("run-1",)), elsewhere)
    station.tick(news(losses(1.0, 0.9, NAN), FACTS), gpus=gpus)
    (message,) = station.deliver()
    assert "GPU 0 on node-1: 46.57 of 93.13 GiB of memory used (50 %), 97 % busy" in message.text
    assert "GPU 7" not in message.text
    assert KUBECTL in message.text


def test_a_gpu_s_message_names_its_run_and_where_to_look(station: Station) -> None:
    full = gpu_of(("run-1", "run-nobody-mirrors"), 97)
    station.tick(news(losses(1.0), FACTS), gpus=(full,))
    station.wait(120, gpus=(full,))
    (message,) = station.deliver()
    assert message.title == "WARNING: GPU memory high, GPU 0 on node-1"
    assert "Training run: name of run-1, experiment support-bot" in message.text
    assert KUBECTL in message.text
    assert f"MLflow run: {FACTS.url}" in message.text
    assert "nobody" not in message.text


def test_nobody_is_named_where_nobody_knows(station: Station) -> None:
    full = replace(gpu_of(None, 97), pods=())
    station.tick(news(losses(1.0), FACTS), gpus=(full,))
    station.wait(120, gpus=(full,))
    (message,) = station.deliver()
    assert "Training run" not in message.text
    assert "kubectl" not in message.text


def test_the_devices_of_every_run_are_shown(station: Station) -> None:
    whole = gpu_of(("run-1", "run-2"))
    divided = replace(gpu_of(("run-2", "run-3")), uuid="GPU-2")
    slices = (
        replace(gpu_of(("run-2",)), uuid="MIG-1", parent="GPU-2"),
        replace(gpu_of(("run-3",)), uuid="MIG-2", parent="GPU-2"),
    )
    station.tick(gpus=(whole, divided, *slices, replace(gpu_of(None), uuid="GPU-9")))
    assert station.engine.view(station.now).devices == {
        "run-1": ("GPU-1",),
        "run-2": ("GPU-1", "MIG-1"),
        "run-3": ("MIG-2",),
    }


def test_what_evaluates_for_a_moment_does_not_train(station: Station) -> None:
    leftover = run_facts("run-2", params={})
    full = gpu_of(("run-1", "run-2"), 97)
    evaluation = losses(1.0, metric="eval_loss")
    station.tick(news(losses(1.0), FACTS), news(evaluation, leftover), gpus=(full,))
    station.wait(120, gpus=(full,))
    (message,) = station.deliver()
    assert message.text.count("Training run: ") == 1
