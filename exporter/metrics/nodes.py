"""The other nodes of a cluster as the holder of the run role sees them."""

from __future__ import annotations

from collections.abc import Iterator

from alerts import signals
from exporter.metrics.family import Family, Metric, Sample
from exporter.snapshot import Nodes

PEER_UP = Metric(
    signals.PEER_UP,
    "gauge",
    "Whether the process of another node, which has answered before, answered when last asked",
    ("peer",),
)
PEERS = Metric("tunewatch_peers", "gauge", "Addresses of node processes, asked at each collection")

METRICS: tuple[Metric, ...] = (PEER_UP, PEERS)


def families(nodes: Nodes) -> Iterator[Family]:
    """Tell which nodes answer; a node that has left is absent."""
    yield Family(PEER_UP, [Sample((n.node,), n.report is not None) for n in nodes.nodes])
    yield Family(PEERS, [Sample((), nodes.addresses)])
