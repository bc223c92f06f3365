"""Who answers, who has gone silent, and who has left."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping

import pytest

from alerts.model import GpuObservation
from exporter.report import report_document
from exporter.snapshot import NodeReport, Nodes
from exporter.sources import SourceDown
from exporter.sources.nodes.addresses import Addresses
from exporter.sources.nodes.asking import Answer, Peer
from exporter.sources.nodes.source import NodesSource

NOW = 1_700_000_000.0
A, B, C = (Peer(f"10.0.0.{number}", 10390) for number in (1, 2, 3))
REFUSED = Answer(problem="Connection refused")


def report(node: str, *uuids: str) -> Answer:
    gpus = tuple(GpuObservation(uuid, 0, node, 0, 1, NOW) for uuid in uuids)
    return Answer(json.dumps(report_document(NodeReport(node, gpus=gpus))).encode())


class Cluster:
    """The addresses behind one name and what each answers, changed between two collections."""

    def __init__(self) -> None:
        self.answers: dict[Peer, Answer] = {}
        self.source = NodesSource(
            Addresses([("nodes", 10390)], self._resolve), own="node-own", ask=self._ask
        )

    def _resolve(self, _host: str, _port: int) -> frozenset[Peer]:
        return frozenset(self.answers)

    def _ask(self, peers: Iterable[Peer]) -> Mapping[Peer, Answer]:
        return {peer: self.answers[peer] for peer in peers}

    def collect(self) -> Nodes:
        return self.source.collect(NOW)


def states(nodes: Nodes) -> dict[str, str]:
    """Return, for each node, the address that answered or what is wrong."""
    return {state.node: state.address if state.report else state.problem for state in nodes.nodes}


def test_nodes_are_named_by_what_they_answer() -> None:
    cluster = Cluster()
    cluster.answers = {B: report("node-b"), A: report("node-a")}
    assert states(cluster.collect()) == {"node-a": str(A), "node-b": str(B)}


def test_a_node_that_has_answered_is_silent_and_one_that_never_has_is_unknown() -> None:
    cluster = Cluster()
    cluster.answers = {A: report("node-a"), B: REFUSED}
    assert states(cluster.collect()) == {"node-a": str(A)}
    cluster.answers = {A: REFUSED, B: REFUSED}
    assert states(cluster.collect()) == {"node-a": "Connection refused"}
    cluster.answers[A] = report("node-a")
    assert states(cluster.collect()) == {"node-a": str(A)}


def test_an_address_that_is_listed_no_more_has_left() -> None:
    cluster = Cluster()
    cluster.answers = {A: report("node-a"), B: report("node-b")}
    cluster.collect()
    del cluster.answers[B]
    assert states(cluster.collect()) == {"node-a": str(A)}
    # Its address may be given to another process, which has never answered.
    cluster.answers[B] = REFUSED
    assert states(cluster.collect()) == {"node-a": str(A)}


@pytest.mark.parametrize("order", [(A, B), (B, A)])
def test_while_a_process_is_replaced_the_one_that_answers_counts(order: tuple[Peer, Peer]) -> None:
    old, new = order
    cluster = Cluster()
    cluster.answers = {old: report("node-a")}
    cluster.collect()
    cluster.answers = {old: REFUSED, new: report("node-a")}
    assert states(cluster.collect()) == {"node-a": str(new)}


def test_this_node_needs_no_asking() -> None:
    cluster = Cluster()
    cluster.answers = {A: report("node-own"), B: report("node-b")}
    assert states(cluster.collect()) == {"node-b": str(B)}


def test_nonsense_is_silence_with_a_reason() -> None:
    cluster = Cluster()
    cluster.answers = {A: report("node-a")}
    cluster.collect()
    cluster.answers = {A: Answer(b"<html>")}
    assert states(cluster.collect()) == {"node-a": "the answer is not JSON"}


@pytest.mark.parametrize("name", ["node-a", "node-own"])
def test_machines_that_share_a_name_are_told_once(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = Cluster()
    # While a process is replaced two read the same GPUs; one without any may be on its way.
    cluster.answers = {A: report(name, "GPU-1", "GPU-2"), B: report(name, "GPU-2"), C: report(name)}
    cluster.collect()
    assert caplog.messages == []
    for uuid in ("GPU-3", "GPU-3", "GPU-1", "GPU-3"):
        cluster.answers[B] = report(name, uuid)
        cluster.collect()
    line = (
        f"two machines call themselves {name} (10.0.0.1:10390, 10.0.0.2:10390), and the GPUs of one"
        " are not watched: give each process a --node.name of its own"
    )
    assert caplog.messages == [line, line]


def test_nobody_to_ask_is_a_source_that_is_down() -> None:
    with pytest.raises(SourceDown, match=r"no address of a node process is known: check --nodes"):
        Cluster().collect()


def test_silence_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tunewatch.nodes")
    cluster = Cluster()
    cluster.answers = {A: report("node-a"), C: REFUSED}
    cluster.collect()
    cluster.answers = {A: REFUSED, C: REFUSED}
    cluster.collect()
    cluster.collect()
    cluster.answers = {A: report("node-a")}
    cluster.collect()
    assert caplog.messages == [
        "node at 10.0.0.3:10390 does not answer: Connection refused",
        "node node-a (10.0.0.1:10390) does not answer: Connection refused",
        "node node-a (10.0.0.1:10390) answers again",
        "node at 10.0.0.3:10390 has left",
    ]
