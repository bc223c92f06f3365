"""Other nodes, pods and runs in what the engine observes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from alerts.model import (
    GpuObservation,
    Inventory,
    NodeObservation,
    Observations,
    PodName,
    RowRemap,
    SourceObservation,
)
from exporter.board import Board
from exporter.bridge import node_report, observations
from exporter.metrics.health import source_states
from exporter.report import parse_report, report_document
from exporter.snapshot import (
    Gpu,
    Gpus,
    Health,
    NodeReport,
    Nodes,
    NodeState,
    Pods,
    PodUse,
    Reading,
    Run,
    Runs,
)

NOW = 1000.0
INTERVALS = {"nvml": 10.0, "pods": 10.0, "mlflow": 15.0, "nodes": 10.0}
UP = Health(up=True, attempted_at=NOW, duration=0.1, last_success_at=NOW, expected=True)
DOWN = replace(UP, up=False, problem="refused")
GPU = Gpu(0, "GPU-1", memory_total=100, memory_used=40)
GPUS = Gpus((GPU,), 1, "580", "13", "13", expected=1)
FAR = GpuObservation("GPU-9", 0, "node-9", 10, 100, NOW)
FAR_HELD = replace(FAR, pods=(PodName("ml", "far"),))
NVML_THERE = SourceObservation("nvml", "node-9", up=True, expected=True)
INVENTORY = Inventory("node-9", 1, 1, (), NOW)
REPORT = NodeReport(
    "node-9",
    (NVML_THERE,),
    (FAR,),
    (PodUse("GPU-9", "ml", "far", "main"),),
    INVENTORY,
)
PODS = Pods((PodUse("GPU-1", "ml", "near", "main"),))


def run(run_id: str, pod: str, status: str = "RUNNING") -> Run:
    tags = {"k8s.namespace": "ml", "k8s.pod": pod}
    return Run(run_id, "", "e", "1", "", status, 0.0, None, (), tags=tags)  # type: ignore[arg-type] # any status


def observed(healths: dict[str, Health] | None = None, **data: object) -> Observations:
    """Observe what was read; every source is up unless `healths` has another."""
    board = Board()
    for name, read in data.items():
        board.publish(name, Reading(read, (healths or {}).get(name, UP)))
    states = source_states(board, {name: INTERVALS[name] for name in data}, NOW)
    return observations(board.read(), states, (), "node-1")


def test_what_other_nodes_report_is_observed_beside_our_own() -> None:
    nodes = Nodes((NodeState("node-9", "10.0.0.9:1", REPORT),), 2)
    seen = observed(nvml=GPUS, nodes=nodes)
    assert [gpu.uuid for gpu in seen.gpus or ()] == ["GPU-1", "GPU-9"]
    assert NVML_THERE in seen.sources
    assert [inventory.node for inventory in seen.inventories] == ["node-1", "node-9"]
    assert seen.nodes == (NodeObservation("node-9", "10.0.0.9:1", answering=True),)


def test_a_node_that_does_not_answer_has_no_gpus_and_says_why() -> None:
    nodes = Nodes((NodeState("node-9", "10.0.0.9:1", None, "timed out"),), 2)
    seen = observed(nvml=GPUS, nodes=nodes)
    assert [gpu.uuid for gpu in seen.gpus or ()] == ["GPU-1"]
    assert seen.nodes == (
        NodeObservation("node-9", "10.0.0.9:1", answering=False, reason="timed out"),
    )


def test_nobody_is_silent_who_was_not_asked() -> None:
    assert observed(nvml=GPUS).nodes is None
    assert observed({"nodes": DOWN}, nodes=Nodes((), 1)).nodes is None


def test_gpus_elsewhere_are_observed_by_a_process_without_any() -> None:
    nodes = Nodes((NodeState("node-9", "10.0.0.9:1", REPORT),), 2)
    assert observed({"nvml": DOWN}, nvml=None, nodes=nodes).gpus == (FAR_HELD,)


def test_runs_are_joined_with_the_gpus_of_their_pods_on_every_node() -> None:
    runs = Runs((run("a", "near"), run("b", "far"), run("c", "near", "FINISHED")))
    nodes = Nodes((NodeState("node-9", "10.0.0.9:1", REPORT),), 2)
    seen = observed(nvml=GPUS, pods=PODS, mlflow=runs, nodes=nodes)
    assert {gpu.uuid: gpu.runs for gpu in seen.gpus or ()} == {"GPU-1": ("a",), "GPU-9": ("b",)}


def test_the_pods_that_hold_a_gpu_are_known_without_any_run() -> None:
    containers = (PodUse("GPU-1", "ml", "near", "main"), PodUse("GPU-1", "ml", "near", "sidecar"))
    (gpu,) = observed(nvml=GPUS, pods=Pods(containers)).gpus or ()
    assert (gpu.pods, gpu.runs) == ((PodName("ml", "near"),), None)


def test_a_gpu_that_nobody_trains_on_is_known_to_be_free() -> None:
    (gpu,) = observed(nvml=GPUS, mlflow=Runs(())).gpus or ()
    assert gpu.runs == ()


@pytest.mark.parametrize("silent", ["mlflow", "pods"])
def test_who_trains_is_not_known_while_a_source_of_that_is_down(silent: str) -> None:
    runs = Runs((run("a", "near"),))
    (gpu,) = observed({silent: DOWN}, nvml=GPUS, pods=PODS, mlflow=runs).gpus or ()
    assert gpu.runs is None


def test_a_node_reports_its_own_machine_alone() -> None:
    board = Board()
    for name, read in {"nvml": GPUS, "pods": PODS, "mlflow": Runs(())}.items():
        board.publish(name, Reading(read, UP))
    states = source_states(board, INTERVALS, NOW)
    report = node_report(board.read(), states, "node-1")
    assert [source.source for source in report.sources] == ["nvml", "pods"]
    assert [gpu.uuid for gpu in report.gpus or ()] == ["GPU-1"]
    assert report.uses == PODS.uses
    assert report.inventory == Inventory("node-1", 1, 1, (), NOW)


def test_a_node_whose_driver_is_gone_reports_no_inventory() -> None:
    board = Board()
    board.publish("nvml", Reading(GPUS, DOWN))
    states = source_states(board, {"nvml": 10.0}, NOW)
    report = node_report(board.read(), states, "node-1")
    assert (report.gpus, report.inventory) == (None, None)
    assert [source.up for source in report.sources] == [False]


def test_a_report_arrives_as_it_was_sent() -> None:
    sick = replace(
        FAR,
        xids={79: 1},
        xid_at={79: 999.5},
        remap=RowRemap(pending=True, failure=False),
        throttle={"hw_slowdown": True},
        busy_seconds=3.5,
    )
    report = replace(REPORT, gpus=(sick,))
    body = json.dumps(report_document(report)).encode()
    assert parse_report(body) == report
