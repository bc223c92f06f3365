"""Which run trains on which GPU, from what Kubernetes and the runs themselves tell.

A run is on the GPUs of its pod: tags `k8s.namespace` and `k8s.pod` against who holds what. Without
Kubernetes the run names its GPUs: tag `tunewatch.gpus` has indices or uuids as
`CUDA_VISIBLE_DEVICES` has them, and `tunewatch.node` the machine. Nothing is guessed: what no tag
tells is not joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from exporter.snapshot import PodUse, Run

NAMESPACE_TAG = "k8s.namespace"
POD_TAG = "k8s.pod"
GPUS_TAG = "tunewatch.gpus"
NODE_TAGS = ("tunewatch.node", "k8s.node")
JOIN_TAGS = (NAMESPACE_TAG, POD_TAG, GPUS_TAG, *NODE_TAGS)
"""The tags that decide on which GPUs a run is."""

_LIVE = ("RUNNING", "SCHEDULED")
_UUID = ("GPU-", "MIG-")

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Place:
    """A GPU or MIG instance: its node, its uuid, and what else it can be found by.

    `index` is that of a whole GPU; `parent` is the uuid of the GPU that an instance is part of.
    """

    node: str
    uuid: str
    index: int | None = None
    parent: str = ""


class Joined(NamedTuple):
    """Who is where; what has nobody has no key. Names are in a stable order."""

    runs: Mapping[str, tuple[str, ...]]
    """Ids of the live runs by the uuid of a GPU."""
    gpus: Mapping[str, tuple[str, ...]]
    """Uuids of the GPUs by the id of a live run."""
    pods: Mapping[str, tuple[PodUse, ...]]
    """Containers that hold a GPU, by its uuid."""


def join(places: Iterable[Place], uses: Iterable[PodUse], runs: Iterable[Run]) -> Joined:
    """Join the GPUs that are known now with pods and with runs that are not over.

    A use or a tag that names a GPU which is not among `places` joins nothing.
    """
    known = {place.uuid: place for place in places}
    held = [use for use in sorted(set(uses)) if use.uuid in known]
    live = sorted((run for run in runs if run.status in _LIVE), key=lambda run: run.run_id)
    by_pod = _grouped(((use.namespace, use.pod), use.uuid) for use in held)
    gpus = {run.run_id: tuple(sorted(_uuids(run, known.values(), by_pod))) for run in live}
    return Joined(
        _grouped(
            (name, run_id)
            for run_id, uuids in gpus.items()
            for name in dict.fromkeys(_with_parents(uuids, known))
        ),
        {run_id: uuids for run_id, uuids in gpus.items() if uuids},
        _grouped((use.uuid, use) for use in held),
    )


def _grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, tuple[V, ...]]:
    groups: dict[K, list[V]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in groups.items()}


def _with_parents(uuids: Iterable[str], known: Mapping[str, Place]) -> Iterator[str]:
    """Yield devices, and the GPUs that they are part of: what befalls those befalls them."""
    for uuid in uuids:
        yield uuid
        if known[uuid].parent:
            yield known[uuid].parent


def _uuids(
    run: Run, places: Iterable[Place], by_pod: Mapping[tuple[str, str], tuple[str, ...]]
) -> set[str]:
    namespace, pod = run.tags.get(NAMESPACE_TAG), run.tags.get(POD_TAG)
    found = by_pod.get((namespace, pod), ()) if namespace and pod else ()
    return {*found, *_named(run, places)}


def _named(run: Run, places: Iterable[Place]) -> Iterator[str]:
    """Yield the uuids of the GPUs that the run itself names."""
    names = [name for part in run.tags.get(GPUS_TAG, "").split(",") if (name := part.strip())]
    if not names:
        return
    node = next((run.tags[tag] for tag in NODE_TAGS if run.tags.get(tag)), "")
    here = [place for place in places if node in ("", place.node)]
    # An index says nothing before it is known of which machine.
    is_one_node = len({place.node for place in here}) == 1
    for name in names:
        if name.startswith(_UUID):
            matches = [place.uuid for place in here if place.uuid.startswith(name)]
        elif is_one_node:
            matches = [p.uuid for p in here if p.index is not None and str(p.index) == name]
        else:
            matches = []
        # As CUDA has it: a beginning will do, but only of one.
        if len(matches) == 1:
            yield matches[0]
