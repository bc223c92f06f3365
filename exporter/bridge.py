"""From readings to what the alert engine observes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from alerts.model import GpuObservation, Observations, RunUpdate, SourceObservation
from exporter.board import AnyReading
from exporter.metrics.health import SourceState
from exporter.snapshot import Gpus


def observations(
    readings: Mapping[str, AnyReading],
    sources: Iterable[SourceState],
    updates: tuple[RunUpdate, ...],
    node: str,
    expected: Collection[str] = (),
) -> Observations:
    """Put together what one tick of the engine looks at; `node` names this machine.

    A GPU reading that is stuck or past its life is no observation at all. `expected` are the
    sources that the user configured, whether they have ever been read or not.
    """
    states = tuple(sources)
    nvml_up = any(state.name == "nvml" and state.up for state in states)
    reading = readings.get("nvml")
    gpus = tuple(_gpus(reading, node)) if reading and nvml_up else None
    told = (_source(state, node, configured=state.name in expected) for state in states)
    return Observations(updates, gpus, tuple(told))


def _gpus(reading: AnyReading, node: str) -> Iterator[GpuObservation]:
    data = reading.data
    if not isinstance(data, Gpus):
        return
    for gpu in data.gpus:
        if gpu.memory_used is not None and gpu.memory_total is not None:
            yield GpuObservation(
                gpu.uuid,
                gpu.index,
                node,
                gpu.memory_used,
                gpu.memory_total,
                reading.health.attempted_at,
            )


def _source(state: SourceState, node: str, *, configured: bool) -> SourceObservation:
    expected = configured or (state.health is not None and state.health.expected)
    # Before the first collection has ended nothing is known: not up, but nothing to tell either.
    pending = state.health is None and not state.stuck
    return SourceObservation(state.name, node, state.up, expected and not pending, state.problem)
