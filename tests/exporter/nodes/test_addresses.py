"""Names become addresses, and what a resolver cannot say changes nothing."""

from __future__ import annotations

import logging
import socket

import pytest

from exporter.sources.nodes.addresses import Addresses, resolve
from exporter.sources.nodes.asking import Peer

A, B, C = (Peer(f"10.0.0.{number}", 10390) for number in (1, 2, 3))
SERVICE = ("tunewatch-nodes", 10390)


class Resolver:
    """A resolver whose table can be changed; a name that is missing fails."""

    def __init__(self, **table: frozenset[Peer]) -> None:
        self.table = table

    def __call__(self, host: str, port: int) -> frozenset[Peer]:
        del port
        try:
            return self.table[host]
        except KeyError:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure") from None


def test_the_addresses_are_those_of_now() -> None:
    resolver = Resolver(**{"tunewatch-nodes": frozenset({B, A})})
    addresses = Addresses([SERVICE], resolver)
    assert addresses.current() == (A, B)
    resolver.table["tunewatch-nodes"] = frozenset({B, C})
    assert addresses.current() == (B, C)


def test_a_resolver_that_fails_keeps_the_last_addresses_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "tunewatch.nodes")
    resolver = Resolver(**{"tunewatch-nodes": frozenset({A})})
    addresses = Addresses([SERVICE], resolver)
    addresses.current()
    table, resolver.table = resolver.table, {}
    assert addresses.current() == addresses.current() == (A,)
    assert addresses.problems == {"tunewatch-nodes": "Temporary failure"}
    resolver.table = table
    assert addresses.current() == (A,)
    assert caplog.messages == [
        "cannot resolve tunewatch-nodes: Temporary failure; its last addresses stay",
        "tunewatch-nodes can be resolved again",
    ]


def test_several_names_may_share_addresses() -> None:
    resolver = Resolver(a=frozenset({A, B}), b=frozenset({B, C}))
    assert Addresses([("a", 10390), ("b", 10390)], resolver).current() == (A, B, C)


def test_a_real_name_is_resolved() -> None:
    assert Peer("127.0.0.1", 80) in resolve("localhost", 80)
    assert resolve("127.0.0.2", 80) == {Peer("127.0.0.2", 80)}
