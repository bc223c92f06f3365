"""From readings to what the alert engine observes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from alerts.model import (
    GpuObservation,
    Inventory,
    NodeObservation,
    Observations,
    PodName,
    RowRemap,
    RunUpdate,
    SourceObservation,
)
from exporter.attribution import Place, join
from exporter.board import AnyReading
from exporter.metrics.health import SourceState
from exporter.snapshot import Gpu, Gpus, NodeReport, Nodes, Pods, PodUse, Runs, Unanswered

LOCAL_SOURCES = frozenset({"nvml", "pods", "processes"})
"""The sources that tell of this machine, not of the cluster."""
UNJUDGED = LOCAL_SOURCES | {"lease"}
"""Those and the Lease: who cannot renew it judges nothing any more."""
Readings = Mapping[str, AnyReading]
T = TypeVar("T")


def observations(
    readings: Readings,
    sources: Iterable[SourceState],
    updates: tuple[RunUpdate, ...],
    node: str,
    expected: Collection[str] = (),
) -> Observations:
    """Put together what one tick of the engine looks at; `node` names this machine.

    A reading that is stuck or past its life is no observation at all. `expected` are the sources
    that the user configured, whether they have ever been read or not.
    """
    states = tuple(sources)
    nodes = _fresh("nodes", Nodes, readings, states)
    own = node_report(readings, states, node, expected)
    reports = [own, *(each.report for each in nodes.nodes if each.report)] if nodes else [own]
    # What is read for the whole cluster has no node: the next holder goes on with the same alerts.
    cluster = (_source(s, "", expected) for s in states if s.name not in UNJUDGED)
    runs = _fresh("mlflow", Runs, readings, states)
    return Observations(
        runs=updates,
        gpus=_joined(reports, runs),
        sources=(*(source for report in reports for source in report.sources), *cluster),
        inventories=tuple(report.inventory for report in reports if report.inventory),
        nodes=None if nodes is None else tuple(_others(nodes)),
    )


def node_report(
    readings: Readings,
    sources: Iterable[SourceState],
    node: str,
    expected: Collection[str] = (),
) -> NodeReport:
    """Put together what this process tells the holder of the run role about its own machine."""
    states = tuple(state for state in sources if state.name in LOCAL_SOURCES)
    gpus = _fresh("nvml", Gpus, readings, states)
    pods = _fresh("pods", Pods, readings, states)
    told = tuple(_source(state, node, expected) for state in states)
    uses = pods.uses if pods else ()
    if gpus is None:
        return NodeReport(node, told, uses=uses)
    at = readings["nvml"].health.attempted_at
    return NodeReport(
        node,
        told,
        tuple(_gpus(gpus, node, at)),
        uses,
        Inventory(node, gpus.expected, gpus.seen, gpus.lost, at),
    )


def _fresh(name: str, kind: type[T], readings: Readings, states: Iterable[SourceState]) -> T | None:
    """Return what a source has read, as long as that is what it would read now."""
    reading = readings.get(name)
    is_up = any(state.name == name and state.up for state in states)
    return reading.data if reading and is_up and isinstance(reading.data, kind) else None


def _others(nodes: Nodes) -> Iterator[NodeObservation]:
    for other in nodes.nodes:
        answering = other.report is not None
        yield NodeObservation(other.node, other.address, answering, other.problem)


def _joined(
    reports: Collection[NodeReport], runs: Runs | None
) -> tuple[GpuObservation, ...] | None:
    """Return the GPUs of all nodes with the runs that train on them, None where none was read.

    Who trains is known while the tracking server answers, and so does the kubelet that was asked.
    """
    read = [report for report in reports if report.gpus is not None]
    if not read:
        return None
    gpus = [(gpu, _tells_pods(report)) for report in read for gpu in report.gpus or ()]
    places = (
        Place(gpu.node, gpu.uuid, None if gpu.parent else gpu.index, gpu.parent) for gpu, _ in gpus
    )
    uses = (use for report in read for use in report.uses)
    found = join(places, uses, runs.runs if runs else ())
    return tuple(
        replace(
            gpu,
            runs=found.runs.get(gpu.uuid, ()) if runs and is_known else None,
            pods=_pods(found.pods.get(gpu.uuid, ())),
        )
        for gpu, is_known in gpus
    )


def _pods(uses: Iterable[PodUse]) -> tuple[PodName, ...]:
    """Return each pod once, however many of its containers hold the GPU."""
    return tuple(dict.fromkeys(PodName(use.namespace, use.pod) for use in uses))


def _tells_pods(report: NodeReport) -> bool:
    return all(source.up for source in report.sources if source.source == "pods")


def _gpus(gpus: Gpus, node: str, at: float) -> Iterator[GpuObservation]:
    for gpu in gpus.gpus:
        yield _gpu(gpu, node, at)
        yield from _instances(gpu, node, at)
    for silent in gpus.unanswered:
        if silent.uuid:
            yield _silent(silent, node, at)


def _gpu(gpu: Gpu, node: str, at: float) -> GpuObservation:
    rows = gpu.remapped_rows
    # The memory of a GPU that is divided is judged part by part.
    used, total = (None, None) if gpu.mig_mode else (gpu.memory_used, gpu.memory_total)
    return GpuObservation(
        gpu.uuid,
        gpu.index,
        node,
        used,
        total,
        at,
        xids=gpu.xids,
        xid_at=gpu.xid_at,
        ecc_uncorrected=gpu.ecc_errors.get(("uncorrected", "volatile")),
        remap=None if rows is None else RowRemap(rows.pending, rows.failure),
        throttle=gpu.throttle,
        busy_seconds=gpu.busy_seconds,
        busy_gap_seconds=gpu.busy_gap_seconds or 0.0,
        utilization=gpu.utilization,
    )


def _instances(gpu: Gpu, node: str, at: float) -> Iterator[GpuObservation]:
    for instance in gpu.instances:
        memory = instance.memory_used, instance.memory_total
        yield GpuObservation(instance.uuid, gpu.index, node, *memory, at, parent=gpu.uuid)


def _silent(gpu: Unanswered, node: str, at: float) -> GpuObservation:
    return GpuObservation(
        gpu.uuid, gpu.index, node, None, None, at, xids=gpu.xids, xid_at=gpu.xid_at
    )


def _source(state: SourceState, node: str, expected: Collection[str]) -> SourceObservation:
    asked_for = state.name in expected or (state.health is not None and state.health.expected)
    # Before the first collection has ended nothing is known: not up, but nothing to tell either.
    pending = state.health is None and not state.stuck
    return SourceObservation(
        state.name,
        node,
        state.up,
        asked_for and not pending,
        state.problem,
        released=state.health is not None and state.health.released,
    )
